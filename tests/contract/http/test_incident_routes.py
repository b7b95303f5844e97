"""Incidents with their remedies, and the knowledge they come from."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from health.state import State
from store.model import Batch, Change
from tests.contract.http.fleet import NOW_MS, agent, change, healthy, troubled

Keep = Callable[[Batch], object]
DISK_FULL = "write /var/log/syslog: No space left on device"


def test_an_incident_carries_its_remedies_and_its_life(client: TestClient, keep: Keep) -> None:
    keep(troubled())
    later: dict[str, Any] = {"at_ms": NOW_MS - 60_000, "seq": 2, "sentence": "disk /var is 90.0 % full, limit 95 %"}
    keep(Batch(incidents=[change(change=Change.CLOSED, severity=State.OK, **later)]))
    incident = client.get("/api/v1/incidents/1").json()
    assert incident["url"] == "http://localhost:8000/i/1"
    assert (incident["opened"], incident["closed"]) == ("2027-01-15T07:48:00Z", "2027-01-15T07:59:00Z")
    assert [entry["change"] for entry in incident["timeline"]] == ["opened", "closed"]
    [remedy] = incident["remedies"]
    assert remedy["reason"] == "the check disk-usage is critical for /var"
    assert remedy["steps"][0] == {
        "text": "Find the largest folders.",
        "command": "du -xh /var | sort -h | tail",
    }
    assert remedy["verify"] == "df -h /var"


def test_the_list_shows_open_incidents_unless_asked(client: TestClient, keep: Keep) -> None:
    keep(troubled())
    keep(Batch(incidents=[change(change=Change.CLOSED, seq=2)]))
    keep(Batch(incidents=[change(subject='mount="/"', seq=3)]))
    numbers = {
        state: [one["number"] for one in client.get(f"/api/v1/incidents?state={state}").json()["items"]]
        for state in ("open", "closed", "all")
    }
    assert numbers == {"open": [2], "closed": [1], "all": [2, 1]}
    assert client.get("/api/v1/incidents").json()["items"][0]["number"] == 2


def test_incidents_come_in_pages_newest_first_and_by_agent(client: TestClient, keep: Keep) -> None:
    agents = [agent("a"), agent("b")]
    keep(Batch(agents=agents, incidents=[change("a", subject=f's="{number}"') for number in range(3)] + [change("b")]))
    first = client.get("/api/v1/incidents?agent=a&limit=2")
    assert [one["number"] for one in first.json()["items"]] == [3, 2]
    second = client.get(first.links["next"]["url"])
    assert [one["number"] for one in second.json()["items"]] == [1]
    assert second.json()["next_cursor"] is None
    assert "link" not in second.headers


@pytest.mark.parametrize("path", ["/api/v1/incidents/7", "/i/7", "/k/nothing", "/h/nobody", "/api/v1/problems/nothing"])
def test_what_is_not_there_is_a_problem_with_a_hint(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.json()["detail"]) > 30


@pytest.mark.parametrize("number", ["0", "-1", "x", "99999999999999999999"])
def test_an_incident_number_that_cannot_be_is_refused(client: TestClient, number: str) -> None:
    assert client.get(f"/api/v1/incidents/{number}").status_code == 422


def test_a_text_is_explained_with_reason_captured_values_and_steps(client: TestClient) -> None:
    diagnosis = client.post("/api/v1/diagnose", json={"text": DISK_FULL}).json()
    best = diagnosis["matches"][0]
    assert (best["slug"], best["confidence"]) == ("disk-full", "exact")
    assert best["reason"]
    assert best["steps"]
    assert best["verify"]
    assert diagnosis["searched"].startswith("1 line searched for ")


def test_a_text_nobody_knows_says_what_was_searched(client: TestClient) -> None:
    diagnosis = client.post("/api/v1/diagnose", json={"text": "all is well\nindeed"}).json()
    assert diagnosis["matches"] == []
    assert diagnosis["searched"].startswith("2 lines searched for ")
    assert "none found" in diagnosis["searched"]


def test_a_diagnosis_may_name_the_agent_but_not_an_unknown_one(client: TestClient, keep: Keep) -> None:
    keep(healthy("web-3"))
    assert client.post("/api/v1/diagnose", json={"text": DISK_FULL, "agent": "web-3.example"}).status_code == 200
    unknown = client.post("/api/v1/diagnose", json={"text": DISK_FULL, "agent": "nobody"})
    assert (unknown.status_code, unknown.json()["type"]) == (404, "/problems/unknown-agent")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"text": ""}', b'{"text": 7}', b"\xff\xfe", b'{"text": "\\ud800"}']
)
def test_a_question_that_cannot_be_read_is_a_problem(client: TestClient, body: bytes) -> None:
    answer = client.post("/api/v1/diagnose", content=body, headers={"Content-Type": "application/json"})
    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"] == "application/problem+json"


def test_every_known_problem_is_listed_and_shown(client: TestClient) -> None:
    slugs, url = [], "/api/v1/problems?limit=3"
    while url:
        answer = client.get(url)
        slugs += [one["slug"] for one in answer.json()["items"]]
        url = answer.links["next"]["url"] if "next" in answer.links else ""
    assert "disk-full" in slugs
    assert slugs == sorted(set(slugs))
    for slug in slugs:
        shown = client.get(f"/api/v1/problems/{slug}").json()
        assert (shown["slug"], bool(shown["steps"])) == (slug, True)
