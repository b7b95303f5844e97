"""Hosts behind one that is in trouble: one thing that needs somebody, and none of them is green or forgotten."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from health.state import State
from store.dependencies import add_dependency
from store.engine import transaction
from store.model import RETIRED, Batch, Change, Check, CheckKey
from store.mutes import add_mute
from store.response import Dependency, Mute
from tests.contract.http.fleet import FLOWING, NOW_MS, agent, change, healthy, silent

Keep = Callable[[Batch], object]
SILENT = "agent-silent"


def trouble(agent_id: str, rule: str = SILENT, subject: str = "") -> Check:
    return Check(key=CheckKey(agent_id, rule, subject), state=State.CRITICAL, since_ms=NOW_MS - 240_000, value=1.0)


@pytest.fixture
def site(engine: Engine, keep: Keep) -> None:
    """A silent gateway with an incident; behind it a silent host and one with a full disk, without; and one that is
    well."""
    keep(healthy("web-2", "web-4"))
    keep(Batch(agents=[silent("gateway"), silent("web-1")]))
    keep(FLOWING)
    told = "no data since 07:56:00 UTC: the host or its uplink is down"
    down = change("gateway", key=CheckKey("gateway", SILENT, ""), sentence=told, remedies=())
    full = trouble("web-2", "disk-usage", 'mount="/var"')
    keep(Batch(incidents=[down], checks=[trouble("gateway"), trouble("web-1"), full]))
    with transaction(engine) as connection:
        for child in ("web-1", "web-2", "web-4"):
            wanted = Dependency(dependency_no=0, agent_id=child, parent_agent_id="gateway", created_ms=NOW_MS)
            add_dependency(connection, wanted)


def shown(client: TestClient, agent_id: str) -> dict[str, object]:
    answer: dict[str, object] = client.get(f"/api/v1/agents/{agent_id}").json()
    return answer


@pytest.mark.usefixtures("site")
def test_they_are_told_of_with_what_stands_in_front(client: TestClient) -> None:
    fleet = client.get("/").text
    assert "NEEDS YOU (1)" in fleet
    assert "2 hosts behind gateway.example, without incidents of their own: " in fleet
    assert '<a href="/h/web-1">web-1.example</a>, <a href="/h/web-2">web-2.example</a></p>' in fleet
    client.post("/api/v1/incidents/1/acknowledge")
    fleet = client.get("/").text
    assert "NEEDS YOU" not in fleet
    assert ", 2 hosts behind it" in fleet
    assert "1 host OK. 2 hosts behind others in trouble." in fleet


@pytest.mark.usefixtures("site")
def test_each_says_why_it_has_no_incident(client: TestClient) -> None:
    why = "behind gateway.example, which is down (#1): no incident of its own"
    full = f"Critical for 4 min: disk-usage mount /var is critical, {why}"
    for agent_id, state, sentence in (("web-1", "stale", f"no data, {why}."), ("web-2", "critical", full)):
        assert (shown(client, agent_id)["state"], shown(client, agent_id)["sentence"]) == (state, sentence)
        assert why in client.get(f"/h/{agent_id}").text
        assert shown(client, agent_id)["behind"] == "behind gateway.example, which is down (#1)"
    assert shown(client, "web-4")["state"] == "ok"
    assert shown(client, "gateway")["behind"] == ""


@pytest.mark.usefixtures("site")
def test_since_when_is_told_by_the_servers_clock(client: TestClient, keep: Keep) -> None:
    keep(Batch(agents=[agent("web-2", clock_offset_ms=-3_600_000)]))
    ahead = replace(trouble("web-2", "disk-usage", 'mount="/var"'), since_ms=NOW_MS - 240_000 + 3_600_000)
    keep(Batch(checks=[ahead]))
    assert str(shown(client, "web-2")["sentence"]).startswith("Critical for 4 min: ")


@pytest.mark.usefixtures("site")
def test_what_nobody_hears_of_hides_nobody(client: TestClient, engine: Engine) -> None:
    wanted = Mute(
        mute_no=0, reason="works", author="ana", created_ms=NOW_MS, starts_ms=NOW_MS, ends_ms=None, agent_id="gateway"
    )
    with transaction(engine) as connection:
        add_mute(connection, wanted)
    fleet = client.get("/").text
    assert "behind gateway.example" not in fleet
    assert "NEEDS YOU (2)" in fleet
    assert "no open incident explains it any more: it gets its own soon" in str(shown(client, "web-2")["sentence"])


@pytest.mark.usefixtures("site")
def test_once_it_is_over_in_front_the_others_are_news_again(client: TestClient, keep: Keep) -> None:
    gone = change("gateway", key=CheckKey("gateway", SILENT, ""), change=Change.CLOSED, seq=9)
    keep(Batch(incidents=[gone], agents=[agent("gateway")], checks=[replace(trouble("gateway"), state=State.OK)]))
    fleet = client.get("/").text
    assert "behind gateway.example" not in fleet
    assert shown(client, "web-1")["state"] == "stale"
    assert "NEEDS YOU (2)" in fleet


def test_retired_hosts_are_not_counted_as_muted(client: TestClient, keep: Keep) -> None:
    gone = [silent(one, goodbye_ms=NOW_MS - 60_000, goodbye_reason=RETIRED) for one in ("old-1", "old-2")]
    keep(Batch(agents=[*gone, agent("web-1")]))
    keep(FLOWING)
    fleet = client.get("/").text
    assert "1 host OK. 2 hosts retired." in fleet
    assert "Retired 2" in fleet
    assert "Muted 2" not in fleet
    assert [shown(client, one)["retired"] for one in ("old-1", "web-1")] == [True, False]
