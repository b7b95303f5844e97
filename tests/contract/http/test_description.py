"""The API's description is a golden file: a change of the API shows in a diff of it."""

import json
from pathlib import Path

from fastapi.testclient import TestClient

from helpdesk_api.openapi import description_text

GOLDEN = Path(__file__).parents[3] / "docs/api/openapi.json"
AGAIN = "the API changed; if that is meant: python -m helpdesk_api.openapi > docs/api/openapi.json"


def test_the_description_is_the_golden_one() -> None:
    assert description_text() == GOLDEN.read_text(encoding="utf-8"), AGAIN


def test_the_service_gives_the_same_description(client: TestClient) -> None:
    assert client.get("/openapi.json").json() == json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_every_operation_is_described_and_every_error_is_a_problem() -> None:
    for methods in json.loads(description_text())["paths"].values():
        for operation in methods.values():
            assert operation["summary"]
            for status in ("4XX", "5XX"):
                assert list(operation["responses"][status]["content"]) == ["application/problem+json"]
