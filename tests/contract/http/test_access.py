"""Who may call what: every route with every role, in both modes, generated from the API's description."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from helpdesk_api.desk import Desk
from helpdesk_api.settings import Settings
from store.model import Batch
from store.role import Role
from tests.contract.http.conftest import ADMIN, client_of
from tests.contract.http.fleet import healthy

Keep = Callable[[Batch], object]
DESCRIPTION = json.loads((Path(__file__).parents[3] / "docs/api/openapi.json").read_text())
OPERATIONS = [
    (method.upper(), path, operation.get("security", [{}])[0].get("key", [None])[0])
    for path, methods in DESCRIPTION["paths"].items()
    for method, operation in methods.items()
]
PAGE_PATHS = (
    "/",
    "/h/web-3",
    "/i/1",
    "/k/disk-full",
    "/mutes",
    "/delivery",
    "/quarantine",
    "/quarantine/1",
    "/notices",
    "/docs",
    "/openapi.json",
)
FORM_PATHS = (
    "/mutes/1/lift",
    "/i/1/acknowledge",
    "/i/1/unacknowledge",
    "/i/1/notes",
    "/i/1/mute",
    "/i/1/unmute/1",
    "/notices/1/retry",
)
PAGES = [("GET", path, "viewer") for path in PAGE_PATHS]
FORMS = [("POST", path, "operator") for path in FORM_PATHS]
ALL = OPERATIONS + PAGES + FORMS
REFUSALS = {"/problems/key-needed", "/problems/role-too-low"}


def call(client: TestClient, method: str, path: str, headers: Mapping[str, str]) -> str:
    """'passed', or the kind of refusal; whether there is such a thing does not matter here."""
    named = {"agent": "web-3", "slug": "disk-full", "name": "log", "key_id": 10**6}
    path = path.format(**named, number=1, mute_no=1, dependency_no=1, notice_no=1)
    answer = client.request(method, path, headers=headers)
    kind = answer.json()["type"] if "problem+json" in answer.headers["content-type"] else None
    return "passed" if kind not in REFUSALS else str(kind)


def allowed(held: str | None, needed: str | None) -> bool:
    order: list[str | None] = [None, *Role]
    return order.index(held) >= order.index(needed)


@pytest.fixture
def keyed(desk: Desk, keep: Keep) -> TestClient:
    """A help desk that others can reach."""
    keep(healthy("web-3"))
    return client_of(replace(desk, settings=Settings(bind="192.0.2.1")))


def key_of(client: TestClient, role: str) -> dict[str, str]:
    made = client.post("/api/v1/keys", json={"name": role, "role": role}, headers=ADMIN)
    assert made.status_code == 201
    return {"Authorization": f"Bearer {made.json()['key']}"}


def test_only_the_health_checks_are_open_to_everybody() -> None:
    assert {path for _, path, needed in OPERATIONS if needed is None} == {"/healthz", "/readyz"}
    assert {path for _, path, needed in OPERATIONS if needed == "admin"} == {"/api/v1/keys", "/api/v1/keys/{key_id}"}
    assert {(method, path) for method, path, needed in OPERATIONS if needed == "operator"} == {
        ("POST", "/api/v1/agents/{agent}/poll"),
        ("POST", "/api/v1/agents/{agent}/retire"),
        ("POST", "/api/v1/channels/{name}/test"),
        ("POST", "/api/v1/dependencies"),
        ("DELETE", "/api/v1/dependencies/{dependency_no}"),
        ("PUT", "/api/v1/groups/{name}"),
        ("POST", "/api/v1/incidents/{number}/acknowledge"),
        ("POST", "/api/v1/incidents/{number}/notes"),
        ("POST", "/api/v1/incidents/{number}/unacknowledge"),
        ("POST", "/api/v1/mutes"),
        ("DELETE", "/api/v1/mutes/{mute_no}"),
        ("POST", "/api/v1/notices/{notice_no}/retry"),
        ("POST", "/api/v1/quarantine/redrive"),
    }


def test_whoever_may_only_look_changes_nothing() -> None:
    answering = {"/api/v1/diagnose", "/api/v1/rules/replay"}  # their bodies are questions
    assert {path for method, path, needed in ALL if needed == "viewer" and method != "GET"} <= answering


def test_without_keys_on_this_machine_everything_but_administration_works(client: TestClient, keep: Keep) -> None:
    keep(healthy("web-3"))
    for method, path, needed in ALL:
        expected = "/problems/role-too-low" if needed == "admin" else "passed"
        assert call(client, method, path, {}) == expected, path


def test_where_others_reach_it_nothing_works_without_a_key(keyed: TestClient) -> None:
    for method, path, needed in ALL:
        assert call(keyed, method, path, {}) == ("passed" if needed is None else "/problems/key-needed"), path


@pytest.mark.parametrize("held", list(Role))
def test_each_role_may_what_it_includes_and_no_more(keyed: TestClient, held: Role) -> None:
    headers = key_of(keyed, held)
    for method, path, needed in ALL:
        expected = "passed" if allowed(held, needed) else "/problems/role-too-low"
        assert call(keyed, method, path, headers) == expected, path


def test_a_key_is_shown_once_and_stored_as_a_digest(client: TestClient, desk: Desk) -> None:
    made = client.post("/api/v1/keys", json={"name": "ana", "role": "viewer"}, headers=ADMIN).json()
    assert made["key"].startswith("healthmon_")
    listed = client.get("/api/v1/keys", headers=ADMIN)
    assert made["key"] not in listed.text
    assert [one["name"] for one in listed.json()["items"]] == ["ana"]
    database = Path(str(desk.engine.url.database))
    written = b"".join(file.read_bytes() for file in database.parent.glob("healthmon.db*"))
    assert b"ana" in written
    assert made["key"].encode() not in written


def test_a_revoked_key_stops_working_at_once(keyed: TestClient) -> None:
    made = keyed.post("/api/v1/keys", json={"name": "ana", "role": "viewer"}, headers=ADMIN).json()
    headers = {"Authorization": f"Bearer {made['key']}"}
    assert keyed.get("/api/v1/agents", headers=headers).status_code == 200
    revoked = keyed.delete(f"/api/v1/keys/{made['key_id']}", headers=ADMIN)
    assert revoked.json()["revoked"] == "2027-01-15T08:00:00Z"
    assert keyed.get("/api/v1/agents", headers=headers).status_code == 401


def test_a_browser_opens_pages_with_the_key_as_password(keyed: TestClient) -> None:
    key = key_of(keyed, "viewer")["Authorization"].removeprefix("Bearer ")
    page = keyed.get("/", auth=("anybody", key), headers={"Accept": "text/html"})
    assert (page.status_code, "Fleet" in page.text) == (200, True)
    refused = keyed.get("/", headers={"Accept": "text/html"})
    assert refused.status_code == 401
    assert "Basic" in refused.headers["www-authenticate"]
    assert "healthmon keys create --role viewer" in refused.text


@pytest.mark.parametrize(
    "value",
    ["Bearer wrong", "Bearer ", "Bearer", "Basic !!!", "Basic /w==", "Basic YQ==", "Digest x", "x", "Bearer \u00e4"],
)
def test_a_wrong_key_is_refused_even_where_none_is_needed(client: TestClient, value: str) -> None:
    answer = client.get("/api/v1/agents", headers=[(b"authorization", value.encode())])
    assert (answer.status_code, answer.json()["type"]) == (401, "/problems/key-needed")


@pytest.mark.parametrize(
    "wish", [{}, {"name": "", "role": "viewer"}, {"name": "a", "role": "root"}, {"name": "a" * 101, "role": "viewer"}]
)
def test_a_key_that_cannot_be_made_is_refused(client: TestClient, wish: dict[str, str]) -> None:
    assert client.post("/api/v1/keys", json=wish, headers=ADMIN).status_code == 422
    assert client.delete("/api/v1/keys/77", headers=ADMIN).status_code == 404
