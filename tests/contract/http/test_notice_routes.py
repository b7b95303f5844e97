"""Notices: what was sent, what is dead with why and what now, and the ways to try again and to test."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, insert

from helpdesk_api.desk import Desk
from store.engine import transaction
from store.model import Batch
from store.response_tables import notice
from tests.contract.http.conftest import client_of
from tests.contract.http.fleet import FLOWING, NOW_MS, troubled

Keep = Callable[[Batch], object]


def write(engine: Engine, **fields: Any) -> int:
    row = {
        "number": 1,
        "channel": "ops-mail",
        "kind": "problem",
        "created_ms": NOW_MS - 60_000,
        "due_ms": NOW_MS - 60_000,
        "payload": {"sentence": "disk /var is full"},
        **fields,
    }
    with transaction(engine) as connection:
        count = len(connection.execute(notice.select()).all())
        row.setdefault("dedup_key", str(count))
        number: int = connection.execute(insert(notice).values(row).returning(notice.c.notice_no)).scalar_one()
    return number


@pytest.fixture
def sent(engine: Engine, keep: Keep) -> dict[str, int]:
    """A notice in each state."""
    keep(FLOWING)
    keep(troubled())
    return {
        "waiting": write(engine, attempts=2, why="no answer"),
        "delivered": write(engine, delivered_ms=NOW_MS - 1),
        "dead": write(engine, dead_ms=NOW_MS - 1, attempts=9, why="550 no such user"),
        "cancelled": write(engine, cancelled_ms=NOW_MS - 1, why="it was over first"),
    }


def test_notices_are_listed_by_state_newest_first(client: TestClient, sent: dict[str, int]) -> None:
    every = client.get("/api/v1/notices").json()["items"]
    assert [one["state"] for one in every] == ["cancelled", "dead", "delivered", "waiting"]
    for state, number in sent.items():
        [one] = client.get(f"/api/v1/notices?state={state}").json()["items"]
        assert (one["notice_no"], one["state"]) == (number, state)
    first = client.get("/api/v1/notices?limit=3")
    assert [one["state"] for one in client.get(first.links["next"]["url"]).json()["items"]] == ["waiting"]
    dead = every[1]
    assert (dead["why"], dead["sentence"], dead["url"]) == (
        "550 no such user",
        "disk /var is full",
        "http://localhost:8000/i/1",
    )
    assert f"healthmon notices --retry {dead['notice_no']}" in dead["now"]
    assert every[3]["now"] == "It is tried again by itself."
    assert len(client.get("/api/v1/incidents/1").json()["notices"]) == 4
    assert client.get("/api/v1/incidents").json()["items"][0]["notices"] == []


def test_a_dead_notice_is_tried_again_and_no_other(client: TestClient, sent: dict[str, int]) -> None:
    again = client.post(f"/api/v1/notices/{sent['dead']}/retry").json()
    assert (again["state"], again["attempts"]) == ("waiting", 0)
    for state in ("waiting", "delivered", "cancelled"):
        refused = client.post(f"/api/v1/notices/{sent[state]}/retry")
        assert (refused.status_code, state in refused.json()["detail"]) == (409, True)
    assert client.post("/api/v1/notices/77/retry").status_code == 404


def test_a_channel_is_tested_by_its_name(desk: Desk) -> None:
    client = client_of(replace(desk, channels={"ops-mail": "apprise", "log": "log"}))
    assert client.get("/api/v1/channels").json()["items"] == [
        {"name": "ops-mail", "kind": "apprise"},
        {"name": "log", "kind": "log"},
    ]
    asked = client.post("/api/v1/channels/ops-mail/test")
    assert asked.status_code == 202
    assert (asked.json()["kind"], asked.json()["state"], asked.json()["incident"]) == ("test", "waiting", None)
    assert client.get("/api/v1/notices").json()["items"] == [asked.json()]
    unknown = client.post("/api/v1/channels/nothing/test")
    assert (unknown.status_code, "ops-mail, log" in unknown.json()["detail"]) == (404, True)


def test_the_page_has_dead_ones_first_with_why_and_what_now(client: TestClient, sent: dict[str, int]) -> None:
    page = client.get("/notices").text
    assert "NOT DELIVERED (1)" in page
    assert page.index("550 no such user") < page.index("Latest")
    assert "What now:" in page
    assert f'action="/notices/{sent["dead"]}/retry"' in page
    assert "1 notice could not be delivered." in client.get("/").text
    form = {"Origin": "http://localhost:8000"}
    answer = client.post(f"/notices/{sent['dead']}/retry", data={"x": ""}, headers=form, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/notices")
    assert "NOT DELIVERED" not in client.get("/notices").text
    assert "could not be delivered" not in client.get("/").text


def test_nothing_sent_yet_is_said(client: TestClient) -> None:
    page = client.get("/notices").text
    assert "Nothing was sent yet" in page
    assert "healthmon notify-test log" in page
