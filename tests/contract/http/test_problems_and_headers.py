"""Every error has one shape, every answer its request id and the headers that keep a browser safe."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from helpdesk_api.body_limit import MAX_BODY_BYTES
from helpdesk_api.desk import Desk
from knowledge.matcher import Matcher
from knowledge.model import Match
from store.engine import open_engine
from store.model import Batch
from tests.contract.http.conftest import NotingSender, client_of
from tests.contract.http.fleet import NOW_MS

Keep = Callable[[Batch], object]
SAFE = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "x-frame-options": "DENY",
    "cache-control": "no-store",
}
EVERY_ERROR = [
    ("GET", "/nothing", 404, "not-found"),
    ("GET", "/api/v1/agents/", 404, "not-found"),
    ("PUT", "/api/v1/agents", 405, "method-not-allowed"),
    ("GET", "/api/v1/agents?limit=0", 422, "invalid-request"),
    ("GET", "/api/v1/agents?limit=501", 422, "invalid-request"),
    ("GET", "/static/nothing.css", 404, "not-found"),
    ("GET", "/static/../settings.py", 404, "not-found"),
    ("GET", "/static/%2e%2e/settings.py", 404, "not-found"),
    ("GET", "/readyz", 503, "not-ready"),
]


@pytest.mark.parametrize(("method", "path", "status", "slug"), EVERY_ERROR)
def test_every_error_is_a_problem(client: TestClient, method: str, path: str, status: int, slug: str) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == f"/problems/{slug}"
    assert problem["status"] == status
    assert problem["instance"] == answer.url.path
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem["title"]
    assert len(problem["detail"]) > 20


def test_a_browser_gets_the_error_as_a_page_with_help(client: TestClient) -> None:
    answer = client.get("/nothing", headers={"Accept": "text/html,*/*"})
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert 'href="/docs"' in answer.text
    in_the_api = client.get("/api/v1/nothing", headers={"Accept": "text/html,*/*"})
    assert in_the_api.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/", "/nothing", "/api/v1/agents", "/static/style.css", "/healthz", "/docs"])
def test_every_answer_keeps_a_browser_safe(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert {name: headers[name] for name in SAFE} == SAFE
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [("abc-1.Z_9", True), ("a" * 64, True), ("a" * 65, False), ("a b", False), ("<b>", False), ("", False)],
)
def test_a_request_id_is_echoed_when_it_is_short_and_plain(client: TestClient, given: str, kept: bool) -> None:
    answered = client.get("/healthz", headers={"X-Request-ID": given}).headers["x-request-id"]
    assert (answered == given) is kept
    assert len(answered) >= 9 or kept


def test_a_body_is_refused_by_its_announced_length(client: TestClient) -> None:
    for announced in (str(MAX_BODY_BYTES + 1), "9" * 30, "-1", "1e3", "\u00b2"):
        answer = client.get("/healthz", headers=[(b"content-length", announced.encode("latin-1"))])
        assert (answer.status_code, answer.json()["type"]) == (413, "/problems/too-large")
    assert client.get("/healthz", headers={"Content-Length": str(MAX_BODY_BYTES)}).status_code == 200


def test_a_body_is_refused_by_its_real_length(client: TestClient) -> None:
    def parts() -> Iterator[bytes]:
        for _ in range(MAX_BODY_BYTES // 100_000 + 1):
            yield b" " * 100_000

    answer = client.post("/api/v1/diagnose", content=parts(), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/too-large")


def test_the_largest_text_allowed_is_searched(client: TestClient) -> None:
    text = "x" * 999_975 + "\nNo space left on device\n"
    assert client.post("/api/v1/diagnose", json={"text": text}).json()["matches"][0]["slug"] == "disk-full"
    too_long = client.post("/api/v1/diagnose", json={"text": "x" * 1_000_001})
    assert (too_long.status_code, too_long.json()["type"]) == (422, "/problems/invalid-request")


def test_a_database_that_is_away_is_said_so(desk: Desk, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    client = client_of(replace(desk, engine=open_engine(f"sqlite:///{tmp_path}/no/such/folder.db")))
    answer = client.get("/api/v1/agents")
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/database-unavailable")
    assert answer.headers["retry-after"] == "5"
    assert client.get("/", headers={"Accept": "text/html"}).status_code == 503
    assert client.get("/healthz").status_code == 200
    [link] = client.get("/readyz").json()["links"]
    assert (link["name"], str(tmp_path) in link["reason"]) == ("database", False)
    assert [record.name for record in caplog.records if str(tmp_path) in record.message] == [
        "helpdesk_api.problem",  # for two answers
        "helpdesk_api.readiness",
    ]


def test_an_error_nobody_foresaw_tells_only_its_request_id(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Matcher):
        def match_text(self, text: str) -> list[Match]:
            raise RuntimeError(f"secret {text}")

    client = client_of(replace(desk, matcher=Broken(())))
    answer = client.post("/api/v1/diagnose", json={"text": "a"}, headers={"X-Request-ID": "r-1"})
    assert (answer.status_code, answer.json()["type"]) == (500, "/problems/internal")
    assert "secret" not in answer.text
    assert "default-src" in answer.headers["content-security-policy"]
    assert "r-1" in caplog.text


def test_ready_means_that_a_canary_of_the_last_minute_was_stored(
    client: TestClient, keep: Keep, sender: NotingSender
) -> None:
    def readyz() -> tuple[int, str]:
        answer = client.get("/readyz")
        return answer.status_code, answer.json()["title"] if answer.status_code != 200 else "ready"

    assert readyz() == (503, "Not ready: flow")
    keep(Batch(canary_sent_ms=NOW_MS - 60_001, received_ms=NOW_MS - 59_000))
    assert readyz() == (503, "Not ready: flow")
    keep(Batch(canary_sent_ms=NOW_MS - 60_000, received_ms=NOW_MS - 59_000))
    assert readyz() == (200, "ready")
    sender.connected = False
    assert readyz() == (503, "Not ready: broker")


@pytest.mark.parametrize(
    ("sent_ago_ms", "stored_ago_ms", "reason"),
    [
        (3_601_000, 3_600_000, "Nothing was stored for 1 h"),
        (3_600_000, 1_000, "The processor is 1 h behind"),
        (-7_199_000, -7_200_000, "ahead of the server's clock"),
    ],
)
def test_a_flow_that_is_not_fresh_says_which_way(
    client: TestClient, keep: Keep, sent_ago_ms: int, stored_ago_ms: int, reason: str
) -> None:
    keep(Batch(canary_sent_ms=NOW_MS - sent_ago_ms, received_ms=NOW_MS - stored_ago_ms))
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["title"]) == (503, "Not ready: flow")
    assert reason in answer.json()["detail"]
    assert reason in client.get("/").text.replace("&#39;", "'")


def test_a_probe_may_ask_for_the_head_alone(client: TestClient) -> None:
    assert client.head("/healthz").status_code == 200
    assert client.head("/readyz").status_code == 503
