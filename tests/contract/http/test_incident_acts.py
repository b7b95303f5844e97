"""Acknowledging, writing notes: who did it stands in the incident's life, from programs and from forms alike."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from health.state import State
from helpdesk_api.desk import Desk
from helpdesk_api.settings import Settings
from store.model import HUB, Batch, Change, CheckKey
from tests.contract.http.conftest import ADMIN, client_of
from tests.contract.http.fleet import agent, change, troubled

Keep = Callable[[Batch], object]
CLOSED = Batch(incidents=[change(change=Change.CLOSED, severity=State.OK, seq=2)])


def act(client: TestClient, verb: str, body: Any = None, **headers: str) -> Any:
    answer = client.post(f"/api/v1/incidents/1/{verb}", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_an_incident_is_acknowledged_and_the_other_way_round(client: TestClient, keep: Keep) -> None:
    keep(troubled())
    fresh = client.get("/api/v1/incidents/1").json()
    assert (fresh["acknowledged"], fresh["muted"], fresh["flapping_since"], fresh["is_late"]) == (
        None,
        None,
        None,
        False,
    )
    assert fresh["evidence_url"] == "http://localhost:8000/api/v1/incidents/1/evidence"
    taken = act(client, "acknowledge", {"note": "on my way"})
    assert taken["acknowledged"] == {"time": "2027-01-15T08:00:00Z", "author": "local"}
    assert taken["timeline"][-1] == {
        "change": "acknowledged",
        "time": "2027-01-15T08:00:00Z",
        "sentence": "on my way",
        "author": "local",
        "severity": "critical",
        "value": 96.4,
        "reason": "",
    }
    assert client.get("/api/v1/incidents").json()["items"][0]["acknowledged"] == taken["acknowledged"]
    again = act(client, "unacknowledge")
    assert again["acknowledged"] is None
    assert [one["change"] for one in again["timeline"]] == ["opened", "acknowledged", "unacknowledged"]


def test_the_author_is_the_name_of_the_key(desk: Desk, keep: Keep) -> None:
    keep(troubled())
    keyed = client_of(replace(desk, settings=Settings(bind="192.0.2.1")))
    key = keyed.post("/api/v1/keys", json={"name": "ana", "role": "operator"}, headers=ADMIN).json()["key"]
    assert act(keyed, "acknowledge", Authorization=f"Bearer {key}")["acknowledged"]["author"] == "ana"
    assert act(keyed, "notes", {"note": "x"}, **ADMIN)["timeline"][-1]["author"] == "local"


def test_a_note_stands_in_the_life_of_a_closed_incident_too(client: TestClient, keep: Keep) -> None:
    keep(troubled())
    keep(CLOSED)
    noted = act(client, "notes", {"note": "  it was the cleaner \n"})
    assert noted["timeline"][-1]["sentence"] == "it was the cleaner"


@pytest.mark.parametrize(
    ("verb", "before", "words"),
    [
        ("acknowledge", CLOSED, "only an open incident"),
        ("unacknowledge", CLOSED, "only an open incident"),
        ("unacknowledge", Batch(), "not acknowledged"),
    ],
)
def test_what_cannot_be_done_says_why(client: TestClient, keep: Keep, verb: str, before: Batch, words: str) -> None:
    keep(troubled())
    keep(before)
    answer = client.post(f"/api/v1/incidents/1/{verb}")
    assert answer.status_code == 409
    assert words in answer.json()["detail"]
    assert client.post(f"/api/v1/incidents/77/{verb}").status_code == 404


def test_twice_is_once(client: TestClient, keep: Keep) -> None:
    keep(troubled())
    act(client, "acknowledge")
    answer = client.post("/api/v1/incidents/1/acknowledge")
    assert (answer.status_code, "already" in answer.json()["detail"]) == (409, True)


@pytest.mark.parametrize("body", [{}, {"note": ""}, {"note": " \n"}, {"note": "x" * 2001}, {"note": 7}, []])
def test_a_note_says_something_and_not_too_much(client: TestClient, keep: Keep, body: Any) -> None:
    keep(troubled())
    assert client.post("/api/v1/incidents/1/notes", json=body).status_code == 422


def test_what_is_of_no_host_says_so(client: TestClient, keep: Keep) -> None:
    keep(Batch(agents=[agent()], incidents=[change(key=CheckKey(HUB, "flow", ""), sentence="nothing is stored")]))
    for answer in (client.get("/api/v1/incidents").json()["items"][0], client.get("/api/v1/incidents/1").json()):
        assert (answer["agent_id"], answer["host_name"]) == (None, "hub")


def test_the_same_trouble_on_three_hosts_is_a_family(client: TestClient, keep: Keep) -> None:
    hosts = [f"web-{number}" for number in range(4)]
    changes = [change(host, subject=subject) for host in hosts for subject in ("", "x")]
    keep(Batch(agents=[agent(host) for host in hosts], incidents=changes))
    keep(Batch(agents=[agent("db")], incidents=[change("db", key=CheckKey("db", "cpu", ""))]))
    [family] = client.get("/api/v1/families").json()["items"]
    assert (family["rule"], family["hosts"], family["incidents"], family["severity"]) == (
        "disk-usage",
        4,
        8,
        "critical",
    )
    assert [one["agent_id"] for one in family["members"]][:2] == ["web-0", "web-0"]
    assert family["sentence"] == "disk-usage on 4 hosts: disk /var is 96.4 % full, limit 95 %, and 3 more"
    for number in (1, 2, 3, 4):
        keep(
            Batch(
                incidents=[
                    change(hosts[(number - 1) // 2], subject=("", "x")[(number - 1) % 2], change=Change.CLOSED, seq=2)
                ]
            )
        )
    assert client.get("/api/v1/families").json()["items"] == []


FORM = {"Origin": "http://localhost:8000"}


def test_the_forms_of_the_page_do_the_same(client: TestClient, keep: Keep) -> None:
    keep(troubled())
    for path, form in (
        ("acknowledge", {"note": "mine & yours"}),
        ("notes", {"note": "line 1\r\nline 2 \u00e9"}),
        ("mute", {"for_seconds": "3600", "reason": "new disks"}),
        ("unmute/1", {}),
        ("unacknowledge", {"note": ""}),
    ):
        answer = client.post(f"/i/1/{path}", data=form or {"x": ""}, headers=FORM, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, "/i/1"), path
    timeline = client.get("/api/v1/incidents/1").json()["timeline"]
    assert [(one["change"], one["sentence"]) for one in timeline[1:]] == [
        ("acknowledged", "mine & yours"),
        ("noted", "line 1\r\nline 2 \u00e9"),
        ("muted", "new disks"),
        ("unmuted", "new disks"),
        ("unacknowledged", ""),
    ]


@pytest.mark.parametrize("path", ["acknowledge", "unacknowledge", "notes", "mute", "unmute/1"])
def test_a_form_of_another_site_is_refused(client: TestClient, keep: Keep, path: str) -> None:
    keep(troubled())
    answer = client.post(f"/i/1/{path}", data={"note": "x"}, headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403
    assert len(client.get("/api/v1/incidents/1").json()["timeline"]) == 1


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("notes", {"note": " "}),
        ("notes", {"note": "x" * 2001}),
        ("mute", {"for_seconds": "3600", "reason": ""}),
        ("mute", {"for_seconds": "", "reason": "x"}),
        ("mute", {"for_seconds": "nan", "reason": "x"}),
        ("mute", {"for_seconds": str(31 * 86_400), "reason": "x"}),
        ("notes", {"note": "x"} | {str(number): "x" for number in range(30)}),
    ],
)
def test_a_form_that_says_too_little_or_too_much_is_refused(
    client: TestClient, keep: Keep, path: str, form: dict[str, str]
) -> None:
    keep(troubled())
    answer = client.post(f"/i/1/{path}", data=form, headers={**FORM, "Accept": "text/html"})
    assert (answer.status_code, "Go back" in answer.text) == (422, True)


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "application/json", "text/plain", ""])
def test_only_plain_forms_are_read(client: TestClient, keep: Keep, kind: str) -> None:
    keep(troubled())
    answer = client.post("/i/1/notes", content=b"note=x", headers={**FORM, "Content-Type": kind})
    assert answer.status_code == 422
    broken = {**FORM, "Content-Type": "application/x-www-form-urlencoded"}
    assert client.post("/i/1/notes", content=b"note=%ff%fe", headers=broken).status_code == 422
    assert client.post("/i/1/notes", content=b"note=\xff", headers=broken).status_code == 422
