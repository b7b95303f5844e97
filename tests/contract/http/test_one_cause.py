"""Where the pipeline keeps fresh data away, one cause is told and no host is blamed, and none is green."""

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from helpdesk_api.queue_gauge import QueueLook
from store.model import Batch
from tests.contract.http.conftest import NotingSender
from tests.contract.http.fleet import FLOWING, NOW_MS, agent, change, healthy, silent, snapshot, troubled

Keep = Callable[[Batch], object]
AWAY = Batch(canary_sent_ms=NOW_MS - 250_000, received_ms=NOW_MS - 249_000)
BEHIND = Batch(canary_sent_ms=NOW_MS - 600_000, received_ms=NOW_MS - 1_000)


def shown(client: TestClient, agent_id: str = "web-3") -> dict[str, object]:
    answer: dict[str, object] = client.get(f"/api/v1/agents/{agent_id}").json()
    return answer


def test_hosts_are_not_blamed_while_the_processor_is_away(client: TestClient, keep: Keep) -> None:
    keep(Batch(agents=[silent("a"), silent("b"), silent("c")]))
    keep(AWAY)
    fleet = client.get("/").text
    assert fleet.count("the processor is away") == 1 + 3  # the banner, and each row's own words
    assert "3 hosts without fresh data because of this." in fleet
    assert "NEEDS YOU" not in fleet
    assert "healthmon-agent status" not in fleet
    told = "No fresh data. Nothing was stored for 4 min: the processor is away. See its log."
    assert (shown(client, "a")["state"], shown(client, "a")["sentence"]) == ("stale", told)
    assert told in client.get("/h/a").text
    assert told in client.post("/api/v1/agents/a/poll").json()["detail"]


def test_no_host_is_green_while_what_is_stored_is_old(client: TestClient, keep: Keep) -> None:
    keep(healthy("web-1"))
    keep(BEHIND)
    assert (shown(client, "web-1")["state"], shown(client, "web-1")["streaming_active"]) == ("stale", False)
    for path in ("/", "/h/web-1"):
        page = client.get(path).text
        assert "chip ok" not in page
        assert "The processor is 10 min behind" in page
    keep(FLOWING)
    assert shown(client, "web-1")["state"] == "ok"


def test_a_host_that_was_silent_before_stays_to_blame(client: TestClient, keep: Keep) -> None:
    hours_ago_ms = NOW_MS - 7_200_000
    keep(Batch(agents=[silent(), silent("dead", last_seen_ms=hours_ago_ms, snapshot_received_ms=hours_ago_ms)]))
    keep(AWAY)
    assert str(shown(client, "dead")["sentence"]).startswith("No data for 2 h. Ask the agent")
    fleet = client.get("/").text
    assert "NEEDS YOU (1)" in fleet
    assert "1 host without fresh data because of this." in fleet


def test_a_stopped_host_was_stopped_whatever_flows(client: TestClient, keep: Keep) -> None:
    keep(Batch(agents=[silent(goodbye_ms=NOW_MS - 240_000, goodbye_reason="upgrade")]))
    keep(AWAY)
    assert "was stopped" in str(shown(client)["sentence"])


def test_an_open_incident_stays_critical_and_says_that_it_is_old(client: TestClient, keep: Keep) -> None:
    keep(troubled())
    keep(BEHIND)
    assert shown(client)["state"] == "critical"
    assert "Before that: disk /var is 96.4 % full" in str(shown(client)["sentence"])
    assert "No fresh data." in client.get("/i/1").text


def test_a_host_is_blamed_only_when_later_messages_of_others_are_stored(client: TestClient, keep: Keep) -> None:
    late = agent(last_seen_ms=NOW_MS - 20_000, snapshot_received_ms=NOW_MS - 20_000)
    keep(Batch(agents=[late]))
    keep(Batch(canary_sent_ms=NOW_MS - 12_000, received_ms=NOW_MS - 11_000))
    assert shown(client)["state"] == "stale"
    assert "shows within seconds" in str(shown(client)["sentence"])
    fleet = client.get("/").text
    assert "NEEDS YOU" not in fleet
    assert "1 host without fresh data." in fleet
    keep(FLOWING)
    assert str(shown(client)["sentence"]).startswith("No data for 20 s. Ask the agent")
    assert "NEEDS YOU (1)" in client.get("/").text


@pytest.mark.parametrize(
    ("queue", "told"),
    [
        (QueueLook(depth=1204, consumers=0), "the processor is away. 1,204 messages wait for it."),
        (QueueLook(depth=1, consumers=1), "the processor is there and behind. 1 message waits for it."),
        (QueueLook(depth=0, consumers=1), "the processor waits, no message reaches its queue."),
    ],
)
def test_the_queue_tells_the_causes_apart(
    client: TestClient, keep: Keep, sender: NotingSender, queue: QueueLook, told: str
) -> None:
    keep(AWAY)
    sender.queue = queue
    assert told in client.get("/readyz").json()["detail"]


def test_a_broker_in_alarm_is_the_cause(client: TestClient, keep: Keep, sender: NotingSender) -> None:
    keep(Batch(agents=[silent()]))
    keep(AWAY)
    sender.blocked = "low on disk"
    assert client.get("/readyz").json()["title"] == "Not ready: broker"
    assert "takes no messages (low on disk)" in str(shown(client)["sentence"])
    keep(healthy("web-3"))
    keep(FLOWING)
    refused = client.post("/api/v1/agents/web-3/poll")
    assert (refused.status_code, "takes no messages (low on disk)" in refused.json()["detail"]) == (409, True)
    assert sender.sent == []


def test_trouble_with_the_spool_stands_on_the_pages(client: TestClient, keep: Keep) -> None:
    keep(FLOWING)
    keep(Batch(agents=[agent()], snapshots=[snapshot(errors={"spool": "no space left on device", "disk": "?"})]))
    assert "cannot keep records on its disk (no space left on device)" in str(shown(client)["sentence"])
    assert shown(client)["errors"] == {"spool": "no space left on device", "disk": "?"}
    host = client.get("/h/web-3").text
    assert "cannot keep records on its disk (no space left on device)" in host
    assert "<dt>spool</dt>" not in host
    assert "Records not on disk; Not measured: disk" in client.get("/").text
    keep(Batch(incidents=[change()]))
    host = client.get("/h/web-3").text
    assert "Critical for 12 min" in host
    assert "cannot keep records on its disk (no space left on device)" in host
