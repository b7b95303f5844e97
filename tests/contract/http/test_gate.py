"""A page of another site must not act or read through a visitor's browser."""

from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from helpdesk_api.desk import Desk
from helpdesk_api.settings import Settings
from tests.contract.http.conftest import ADMIN_KEY, client_of

OWN_HOSTS = [
    "localhost",
    "localhost:8000",
    "127.0.0.1:1",
    "[::1]:8000",
    "helpdesk:8000",
    "LOCALHOST:8000",
    "health.example",
    "127.0.0.2:8000",
    "127.1.2.3",
]
FOREIGN_HOSTS = [
    "evil.example",
    "localhost.evil.example:8000",
    "127.0.0.1.evil.example",
    "192.0.2.7:8000",
    "",
    "[::1",
    "[]",
]
ASK = {"text": "No space left on device"}


@pytest.fixture
def public(desk: Desk) -> TestClient:
    return client_of(replace(desk, settings=Settings(public_url="https://health.example")))


@pytest.mark.parametrize("host", OWN_HOSTS)
def test_own_names_pass(public: TestClient, host: str) -> None:
    assert public.get("/api/v1/agents", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("path", ["/", "/api/v1/agents", "/healthz", "/static/style.css", "/nothing"])
@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_a_foreign_name_reads_nothing(public: TestClient, host: str, path: str) -> None:
    answer = public.get(path, headers={"Host": host})
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/foreign-host")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost:9999"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://["},
        {"Origin": "http://[v1.x]:8000"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost:8000"},
    ],
)
def test_another_site_cannot_act(client: TestClient, headers: dict[str, str]) -> None:
    answer = client.post("/api/v1/diagnose", json=ASK, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/foreign-origin")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://localhost:8000", "Sec-Fetch-Site": "same-origin"},
        {"Origin": "https://health.example"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_the_own_site_and_programs_can_act(public: TestClient, headers: dict[str, str]) -> None:
    assert public.post("/api/v1/diagnose", json=ASK, headers=headers).status_code == 200


def test_reading_across_sites_by_a_link_is_fine(client: TestClient) -> None:
    assert client.get("/", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


@pytest.mark.parametrize("host", [*FOREIGN_HOSTS, "a b", "a:b:c", "a/b", "\u00e4", "[v1.x]:8000", "x:99999999"])
@pytest.mark.parametrize("path", ["/api/v1/agents", "/", "/nothing", "/static/x"])
def test_a_host_nobody_can_read_breaks_nothing(desk: Desk, host: str, path: str) -> None:
    client = client_of(replace(desk, settings=Settings(bind="0.0.0.0")))  # noqa: S104
    answer = client.get(path, headers=[(b"host", host.encode()), (b"authorization", f"Bearer {ADMIN_KEY}".encode())])
    assert answer.status_code in (200, 400, 404)


def test_where_keys_are_asked_for_any_name_may_be_used_but_the_origin_still_counts(desk: Desk) -> None:
    client = client_of(replace(desk, settings=Settings(bind="0.0.0.0")))  # noqa: S104
    assert client.get("/healthz", headers={"Host": "web.example"}).status_code == 200
    assert client.post("/api/v1/diagnose", json=ASK, headers={"Origin": "https://evil.example"}).status_code == 403
