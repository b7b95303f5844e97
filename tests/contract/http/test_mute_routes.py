"""Mutes and downtimes: who is covered shows as muted and needs nobody, and nothing is muted for ever."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient

from helpdesk_api.acts import MOST_MUTES
from helpdesk_api.desk import Desk
from store import mutes
from store.engine import transaction
from store.model import Batch
from store.response import Mute
from tests.contract.http.conftest import client_of
from tests.contract.http.fleet import FLOWING, NOW_MS, agent, change, healthy, silent, snapshot, troubled

Keep = Callable[[Batch], object]
DISKS = {"reason": "new disks", "for_seconds": 7200}
NIGHT = {"weekdays": [4], "starts": "22:00", "minutes": 480, "timezone": "Europe/Paris"}


def add(client: TestClient, **wish: Any) -> Any:
    answer = client.post("/api/v1/mutes", json=DISKS | wish)
    assert answer.status_code == 201, answer.text
    return answer.json()


def state(client: TestClient, agent_id: str = "web-3") -> tuple[str, str, str]:
    found = client.get(f"/api/v1/agents/{agent_id}").json()
    return found["state"], found["own_state"], found["sentence"]


def client_at(desk: Desk, now_ms: int) -> TestClient:
    """The same help desk at another time."""
    return client_of(replace(desk, now_ms=lambda: now_ms))


def at(now_ms: int) -> str:
    return datetime.fromtimestamp(now_ms / 1000, UTC).isoformat()


def test_a_mute_is_listed_and_lifted_and_kept(client: TestClient, keep: Keep) -> None:
    keep(troubled())
    made = add(client, agent="web-3.example")
    assert (made["mute_no"], made["state"], made["agent_id"], made["author"]) == (1, "in force", "web-3", "local")
    assert made["host_name"] == "web-3.example"
    assert (made["starts"], made["ends"]) == ("2027-01-15T08:00:00Z", "2027-01-15T10:00:00Z")
    assert made.pop("hint") == ""
    assert client.get("/api/v1/mutes").json()["items"] == [made]
    lifted = client.delete("/api/v1/mutes/1").json()
    assert (lifted["state"], lifted["lifted"]) == ("lifted", "2027-01-15T08:00:00Z")
    assert client.delete("/api/v1/mutes/1").json() == lifted
    assert client.get("/api/v1/mutes").json()["items"] == []
    assert client.get("/api/v1/mutes?state=all").json()["items"] == [lifted]
    assert client.delete("/api/v1/mutes/2").status_code == 404


def test_a_mute_of_a_group_that_nobody_is_in_comes_with_a_hint(client: TestClient, keep: Keep) -> None:
    keep(Batch(agents=[agent(group_name="web")]))
    assert add(client, group="wbe")["hint"] == "No agent is in group wbe yet. Nearest names: web."
    assert add(client, group="web")["hint"] == ""


@pytest.mark.parametrize("scope", [{"agent": "web-3"}, {"group": "web"}, {"everything": True}])
def test_a_muted_host_is_muted_and_keeps_its_own_state(client: TestClient, keep: Keep, scope: dict[str, Any]) -> None:
    keep(replace(troubled(), agents=[agent(group_name="web")]))
    add(client, **scope)
    assert state(client) == (
        "muted",
        "critical",
        "Muted until 10:00 UTC (new disks, by local). Its own state: "
        "Critical for 12 min: disk /var is 96.4 % full, limit 95 %",
    )
    [incident] = client.get("/api/v1/incidents").json()["items"]
    assert incident["severity"] == "critical"
    assert incident["muted"]["sentence"] == "Muted until 10:00 UTC (new disks, by local)"
    assert incident["muted"]["until"] == "2027-01-15T10:00:00Z"


@pytest.mark.parametrize(
    "scope",
    [{"incident": 1}, {"agent": "web-3", "rule": "disk-usage"}, {"rule": "disk-usage", "subject": 'mount="/var"'}],
)
def test_a_host_whose_only_trouble_is_muted_is_not_green(client: TestClient, keep: Keep, scope: dict[str, Any]) -> None:
    keep(troubled())
    add(client, **scope)
    shown, own, sentence = state(client)
    assert (shown, own) == ("muted", "muted")
    assert sentence.startswith("Muted until 10:00 UTC (new disks, by local). Its own state: Critical: disk /var")
    keep(Batch(incidents=[change(subject='mount="/"', sentence="another one")]))
    assert state(client)[0] == ("critical" if "subject" in scope or "incident" in scope else "muted")


def test_others_are_not_muted(client: TestClient, keep: Keep) -> None:
    keep(troubled())
    for scope in ({"group": "web"}, {"rule": "cpu"}, {"rule": "disk-usage", "subject": 'mount="/"'}):
        add(client, **scope)
    assert state(client)[0] == "critical"
    assert client.get("/api/v1/incidents/1").json()["muted"] is None


def test_a_muted_silence_is_muted(client: TestClient, keep: Keep) -> None:
    keep(FLOWING)
    keep(Batch(agents=[silent()]))
    add(client, agent="web-3")
    assert state(client)[:2] == ("muted", "stale")
    page = client.get("/").text
    assert "NEEDS YOU" not in page
    assert "Muted until 10:00 UTC" in page
    assert "<small>No data</small>" in page


def test_what_is_muted_or_looked_after_needs_nobody(client: TestClient, keep: Keep) -> None:
    keep(FLOWING)
    keep(troubled())
    keep(Batch(agents=[agent("db-1")], snapshots=[snapshot("db-1")], incidents=[change("db-1", sentence="db is full")]))
    assert "NEEDS YOU (2)" in client.get("/").text
    add(client, incident=1)
    client.post("/api/v1/incidents/2/acknowledge")
    page = client.get("/").text
    assert "NEEDS YOU" not in page
    assert "Muted (1)" in page
    assert re.search(r'<a href="/i/1">Muted until 10:00 UTC ', page), "the way to it stays open"
    assert "Looked after (1)" in page
    assert "db is full (acknowledged by local)" in page


def test_a_downtime_waits_begins_and_ends(desk: Desk, keep: Keep) -> None:
    keep(healthy("web-3"))
    wish = {"agent": "web-3", "for_seconds": None, "starts": at(NOW_MS + 3_600_000), "ends": at(NOW_MS + 7_200_000)}
    assert add(client_of(desk), **wish)["state"] == "waiting"
    seen = []
    for after_ms in (0, 3_600_000, 7_199_999, 7_200_000):
        later = client_at(desk, NOW_MS + after_ms)
        seen.append((later.get("/api/v1/mutes?state=all").json()["items"][0]["state"], state(later)[0] == "muted"))
    assert seen == [("waiting", False), ("in force", True), ("in force", True), ("over", False)]


def test_a_weekly_downtime_comes_back(desk: Desk, keep: Keep) -> None:
    keep(healthy("web-3"))
    made = add(client_of(desk), agent="web-3", for_seconds=None, weekly=NIGHT)
    assert (made["weekly"], made["ends"], made["state"]) == (NIGHT, None, "waiting")
    friday_ms = NOW_MS + 13 * 3_600_000  # 22:00 in Paris
    for weeks in (0, 1, 2):
        later = client_at(desk, friday_ms + weeks * 7 * 86_400_000)
        shown, _, sentence = state(later)
        assert (shown, "Muted until" in sentence and "05:00 UTC" in sentence) == ("muted", True)
        before = client_at(desk, friday_ms - 1 + weeks * 7 * 86_400_000)
        assert state(before)[0] != "muted"


HOUR_MS = 3_600_000


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"agent": "web-3", "everything": True},
        {"incident": 1, "agent": "web-3"},
        {"agent": "web-3", "subject": "x"},
        {"agent": "web-3", "reason": " "},
        {"agent": "web-3", "reason": "x" * 501},
        {"agent": "web-3", "for_seconds": None},
        {"agent": "web-3", "for_seconds": 0},
        {"agent": "web-3", "for_seconds": 30 * 86_400 + 1},
        {"agent": "web-3", "ends": at(NOW_MS + HOUR_MS)},
        {"agent": "web-3", "for_seconds": None, "ends": at(NOW_MS)},
        {"agent": "web-3", "for_seconds": None, "ends": at(NOW_MS + 31 * 24 * HOUR_MS)},
        {"agent": "web-3", "for_seconds": None, "starts": at(NOW_MS + HOUR_MS), "ends": at(NOW_MS + HOUR_MS)},
        {"agent": "web-3", "for_seconds": None, "starts": at(NOW_MS + HOUR_MS)},
        {
            "agent": "web-3",
            "for_seconds": None,
            "starts": at(NOW_MS + 400 * 24 * HOUR_MS),
            "ends": "2030-01-01T00:00:00Z",
        },
        {"agent": "web-3", "for_seconds": None, "ends": "2027-01-15T09:00:00"},
        {"agent": "web-3", "for_seconds": None, "weekly": {**NIGHT, "timezone": "Nowhere/Land"}},
        {"agent": "web-3", "for_seconds": None, "weekly": {**NIGHT, "timezone": "../../etc/passwd"}},
        {"agent": "web-3", "for_seconds": None, "weekly": {**NIGHT, "timezone": "localtime"}},
        {"agent": "web-3", "for_seconds": None, "weekly": {**NIGHT, "timezone": "posixrules"}},
        {"agent": "web-3", "for_seconds": None, "weekly": {**NIGHT, "weekdays": []}},
        {"agent": "web-3", "for_seconds": None, "weekly": {**NIGHT, "weekdays": [7]}},
        {"agent": "web-3", "for_seconds": None, "weekly": {**NIGHT, "starts": "24:00"}},
        {"agent": "web-3", "for_seconds": None, "weekly": {**NIGHT, "minutes": 10_081}},
    ],
)
def test_a_mute_needs_somebody_a_reason_and_an_end(client: TestClient, keep: Keep, wish: dict[str, Any]) -> None:
    keep(troubled())
    answer = client.post("/api/v1/mutes", json=DISKS | wish)
    assert answer.status_code == 422, answer.text
    assert client.get("/api/v1/mutes?state=all").json()["items"] == []


DAILY = {"weekdays": [0, 1, 2, 3, 4, 5, 6], "starts": "09:00", "minutes": 1440}
ONCE_A_WEEK = {"weekdays": [0], "starts": "00:00", "minutes": 10_080}


@pytest.mark.parametrize("weekly", [ONCE_A_WEEK, DAILY, {**DAILY, "weekdays": [6, 2], "minutes": 4 * 1440}])
@pytest.mark.parametrize("scope", [{"everything": True}, {"agent": "web-3"}])
def test_weekly_windows_without_a_gap_need_an_end(
    client: TestClient, keep: Keep, weekly: dict[str, Any], scope: dict[str, Any]
) -> None:
    keep(troubled())
    wish = {**scope, "reason": "x", "weekly": weekly}
    refused = client.post("/api/v1/mutes", json=wish)
    assert refused.status_code == 422
    assert refused.json()["detail"].startswith("weekly.minutes: the windows leave no gap")
    too_long = client.post("/api/v1/mutes", json={**wish, "ends": at(NOW_MS + 31 * 24 * HOUR_MS)})
    assert too_long.status_code == 422
    assert too_long.json()["detail"].startswith("ends: ")
    for allowed in ({"ends": at(NOW_MS + HOUR_MS)}, {"weekly": {**weekly, "minutes": weekly["minutes"] - 1}}):
        assert client.post("/api/v1/mutes", json={**wish, **allowed}).status_code == 201


@pytest.mark.parametrize("wish", [{"agent": "nobody"}, {"incident": 77}])
def test_who_is_not_there_cannot_be_muted(client: TestClient, keep: Keep, wish: dict[str, Any]) -> None:
    keep(troubled())
    assert client.post("/api/v1/mutes", json=DISKS | wish).status_code == 404


def test_there_are_not_endlessly_many(client: TestClient, desk: Desk) -> None:
    one = Mute(mute_no=0, reason="x", author="ana", created_ms=NOW_MS, starts_ms=NOW_MS, ends_ms=NOW_MS + HOUR_MS)
    with transaction(desk.engine) as connection:
        for _ in range(MOST_MUTES):
            mutes.add_mute(connection, replace(one, rule="none"))
    answer = client.post("/api/v1/mutes", json=DISKS | {"everything": True})
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/too-many-mutes")
    first = client.get("/api/v1/mutes?limit=500")
    assert [len(first.json()["items"]), len(client.get(first.links["next"]["url"]).json()["items"])] == [500, 500]
