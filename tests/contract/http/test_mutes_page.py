"""The page of mutes and downtimes: whom each covers, until when, why, and the way to end it."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from helpdesk_api.desk import Desk
from helpdesk_api.mute_page import ENDED_STAY_MS, weekly_words, when_words
from helpdesk_api.routes import mute_pages
from helpdesk_api.settings import Settings
from store.model import Batch
from store.response import Mute, Weekly
from tests.contract.http.conftest import ADMIN, client_of
from tests.contract.http.fleet import FLOWING, NOW_MS, agent, troubled
from tests.contract.http.test_mute_routes import DISKS, NIGHT, add, at, client_at
from tests.contract.http.test_pages import HOSTILE, Page, read

Keep = Callable[[Batch], object]
HOUR_MS = 3_600_000


def words(client: TestClient) -> str:
    return " ".join(read(client, "/mutes").words.split())


def actions(page: Page) -> list[str]:
    return [value for name, value in page.attributes if name == "action"]


def test_it_shows_whom_until_when_why_and_who(client: TestClient, keep: Keep) -> None:
    keep(troubled())
    assert "Nothing is muted now." in words(client)
    for scope in ({"agent": "web-3"}, {"incident": 1}, {"group": "web", "rule": "cpu"}, {"everything": True}):
        add(client, **scope)
    page = read(client, "/mutes")
    shown = " ".join(page.words.split())
    assert "4 in force, 0 to come" in shown
    for told in (
        "host web-3.example",
        "incident i/1",
        "group web, rule cpu",
        "everything",
        "new disks",
        "local, 08:00",
    ):
        assert told in shown
    assert "until 10:00 UTC, 2 h left" in shown
    assert {("href", "/h/web-3"), ("href", "/i/1")} <= set(page.attributes)
    assert actions(page) == ["/mutes/4/lift", "/mutes/3/lift", "/mutes/2/lift", "/mutes/1/lift"]


def test_the_button_ends_a_mute_and_leads_back(client: TestClient, keep: Keep) -> None:
    keep(troubled())
    add(client, agent="web-3")
    answer = client.post("/mutes/1/lift", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/mutes")
    assert client.get("/api/v1/agents/web-3").json()["state"] == "critical"
    page = read(client, "/mutes")
    assert "Ended in the last 7 days (1)" in page.words
    assert "lifted 08:00 UTC" in page.words
    assert actions(page) == []
    assert client.post("/mutes/2/lift").status_code == 404


def test_another_site_ends_nothing_and_nor_does_who_may_only_look(desk: Desk, client: TestClient, keep: Keep) -> None:
    keep(troubled())
    add(client, agent="web-3")
    assert client.post("/mutes/1/lift", headers={"Origin": "http://evil.example"}).status_code == 403
    exposed = client_of(replace(desk, settings=Settings(bind="192.0.2.1")))
    made = exposed.post("/api/v1/keys", json={"name": "eve", "role": "viewer"}, headers=ADMIN).json()
    key = {"Authorization": f"Bearer {made['key']}"}
    assert exposed.get("/mutes").status_code == 401
    assert exposed.get("/mutes", headers=key).status_code == 200
    assert exposed.post("/mutes/1/lift", headers=key).status_code == 403
    assert client.get("/api/v1/mutes").json()["items"][0]["state"] == "in force"


def test_an_old_mute_that_ended_lately_stands_before_newer_ones(
    desk: Desk, keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mute_pages, "MOST_ENDED", 2)
    keep(troubled())
    for _ in range(3):
        add(client_of(desk), agent="web-3")
    for minutes, mute_no in enumerate((3, 2, 1)):
        assert client_at(desk, NOW_MS + minutes * 60_000).post(f"/mutes/{mute_no}/lift").status_code == 200
    shown = words(client_at(desk, NOW_MS + HOUR_MS))
    assert "Ended in the last 7 days (2)" in shown
    assert shown.index("lifted 08:02 UTC") < shown.index("lifted 08:01 UTC")
    assert "lifted 08:00 UTC" not in shown


def test_what_ended_stays_for_a_week(desk: Desk, keep: Keep) -> None:
    keep(troubled())
    add(client_of(desk), agent="web-3")
    ends_ms = NOW_MS + 2 * HOUR_MS
    assert "over since 10:00 UTC" in words(client_at(desk, ends_ms))
    assert "Ended" in words(client_at(desk, ends_ms + ENDED_STAY_MS))
    assert "Ended" not in words(client_at(desk, ends_ms + ENDED_STAY_MS + 1))


def test_a_downtime_to_come_says_when(client: TestClient, keep: Keep) -> None:
    keep(troubled())
    wish: dict[str, Any] = {"for_seconds": None, "starts": at(NOW_MS + HOUR_MS), "ends": at(NOW_MS + 2 * HOUR_MS)}
    add(client, agent="web-3", **wish)
    add(client, agent="web-3", for_seconds=None, weekly=NIGHT)
    shown = words(client)
    assert "0 in force, 2 to come" in shown
    assert "from 09:00 UTC, until 10:00 UTC" in shown
    assert "each Fri at 22:00 for 8 h (Europe/Paris)" in shown


def test_a_weekly_one_in_force_says_both_ends() -> None:
    every_day = Weekly(weekdays=range(7), starts="07:30", minutes=45)
    assert weekly_words(every_day) == "each day at 07:30 for 45 min (UTC)"
    mute = Mute(mute_no=1, reason="x", author="ana", created_ms=0, starts_ms=0, ends_ms=None, weekly=every_day)
    assert when_words(mute, NOW_MS) == "until 08:15 UTC, 15 min left; each day at 07:30 for 45 min (UTC)"


def test_the_fleet_and_the_host_lead_there(client: TestClient, keep: Keep) -> None:
    keep(FLOWING)
    keep(troubled())
    add(client, agent="web-3")
    fleet = client.get("/").text
    assert re.search(r'<a href="/mutes"><span class="chip muted">.*Muted 1</span></a>', fleet, re.DOTALL)
    assert '<h2><a href="/mutes">Muted (1)</a></h2>' in fleet
    assert client.get("/h/web-3").text.count('<a href="/mutes">Mutes and downtimes</a>') == 2


@pytest.mark.parametrize("hostile", HOSTILE)
def test_nothing_that_people_or_hosts_write_becomes_markup(client: TestClient, keep: Keep, hostile: str) -> None:
    keep(Batch(agents=[agent(host_name=hostile, group_name=hostile)]))
    for scope in ({"agent": "web-3"}, {"group": hostile, "rule": hostile, "subject": hostile}):
        assert client.post("/api/v1/mutes", json=DISKS | {"reason": hostile} | scope).status_code in (201, 422)
    page = read(client, "/mutes")
    assert not {"script", "img"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on") or name == "style"]
    links = [value for name, value in page.attributes if name in ("href", "src", "action")]
    assert not [value for value in links if not value.startswith(("/", "#"))]
