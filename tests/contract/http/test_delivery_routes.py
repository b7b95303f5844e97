"""The account of records over HTTP: assigned is the sum of the other five, always."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from helpdesk_api.queue_gauge import QueueLook
from store.model import Batch
from store.record_account import GapState
from tests.contract.http.accounts import LOSSES, UNEXPLAINED, accounted, gap, poison
from tests.contract.http.conftest import NotingSender
from tests.contract.http.fleet import FLOWING, NOW_MS, agent, healthy, snapshot

Keep = Callable[[Batch], object]
FIVE = ("stored", "quarantined", "declared", "in_transit", "unexplained")


def delivery(client: TestClient, **asked: Any) -> dict[str, Any]:
    answer = client.get("/api/v1/delivery", params=asked)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    for sums in (*found["agents"], found["total"]):
        assert sums["assigned"] == sum(sums[name] for name in FIVE)
    return found


def test_where_each_record_is_per_agent_and_in_total(client: TestClient, keep: Keep) -> None:
    keep(accounted("web-3", 100, *LOSSES, duplicates=7, oldest_unconfirmed_seq=100))
    keep(accounted("db-1", 100, UNEXPLAINED))
    found = delivery(client)
    assert list(found) == ["agents", "total", "queue"]
    db, web = found["agents"]
    assert (db["agent_id"], db["stored"], db["unexplained"]) == ("db-1", 97, 3)
    assert {name: web[name] for name in ("agent_id", "name", "assigned", "duplicates", *FIVE)} == {
        "agent_id": "web-3",
        "name": "web-3.example",
        "assigned": 100,
        "stored": 82,
        "quarantined": 1,
        "declared": 12,
        "in_transit": 5,
        "unexplained": 0,
        "duplicates": 7,
    }
    assert web["declared_by_reason"] == [
        {"reason": "full", "records": 10, "ranges": 1},
        {"reason": "age", "records": 2, "ranges": 1},
    ]
    assert web["oldest_unconfirmed"] == {"epoch": 1, "seq": 96, "since": "2027-01-15T07:59:00Z"}
    assert (found["total"]["assigned"], found["total"]["unexplained"]) == (200, 3)
    assert "3 unexplained" in found["total"]["sentence"]
    assert "every one accounted for" in web["sentence"]


def test_nothing_in_transit_is_nothing_unconfirmed(client: TestClient, keep: Keep) -> None:
    keep(accounted("web-3", 100, oldest_unconfirmed_seq=100))  # as its last message told, before that was stored
    [web] = delivery(client)["agents"]
    assert (web["oldest_unconfirmed"], web["spool"]) == (None, None)
    assert web["sentence"] == "100 records assigned, every one accounted for, all of them stored."


def test_an_agent_without_an_account_and_an_empty_fleet_are_zeros(client: TestClient, keep: Keep) -> None:
    assert delivery(client)["total"]["sentence"] == "No record was assigned yet: no agent has sent any."
    keep(healthy("web-3"))
    [web] = delivery(client)["agents"]
    assert (web["assigned"], web["duplicates"]) == (0, 0)


def test_the_spool_is_as_the_newest_snapshot_says(client: TestClient, keep: Keep) -> None:
    readings = {"agent.spool_bytes": 4096.0, "agent.spool_unconfirmed_records": 3.0}
    keep(Batch(agents=[agent()], snapshots=[snapshot(readings=readings)]))
    [web] = delivery(client)["agents"]
    assert web["spool"] == {"bytes": 4096, "unconfirmed_records": 3}


def test_parts_join_and_the_total_is_over_all(client: TestClient, keep: Keep) -> None:
    for number in range(5):
        keep(accounted(f"host-{number}", 10))
    first = client.get("/api/v1/delivery?limit=3")
    assert first.links["next"]["url"].endswith("limit=3&cursor=host-2")
    second = client.get(first.links["next"]["url"])
    assert "next" not in second.links
    ids = [one["agent_id"] for part in (first, second) for one in part.json()["agents"]]
    assert ids == [f"host-{number}" for number in range(5)]
    assert first.json()["total"] == second.json()["total"] == delivery(client)["total"]
    assert first.json()["total"]["assigned"] == 50


def test_the_queue_is_what_the_broker_says_and_as_old_as_the_last_stored_canary(
    client: TestClient, keep: Keep, sender: NotingSender
) -> None:
    assert delivery(client)["queue"] == {"depth": None, "age_seconds": None, "consumers": None}
    sender.queue = QueueLook(depth=1204, consumers=1)
    assert delivery(client)["queue"]["age_seconds"] is None
    keep(Batch(canary_sent_ms=NOW_MS - 95_000, received_ms=NOW_MS - 94_000))
    assert delivery(client)["queue"] == {"depth": 1204, "age_seconds": 95.0, "consumers": 1}
    sender.queue = QueueLook(depth=0, consumers=1)
    assert delivery(client)["queue"] == {"depth": 0, "age_seconds": 0.0, "consumers": 1}


def test_the_ranges_of_an_agent(client: TestClient, keep: Keep) -> None:
    keep(accounted("web-3", 100, *LOSSES))
    listed = client.get("/api/v1/agents/web-3.example/gaps").json()
    assert listed["items"][0] == {
        "epoch": 1,
        "first_seq": 1,
        "last_seq": 10,
        "step": 1,
        "records": 10,
        "state": "declared",
        "reason": "full",
        "since": "2027-01-15T07:59:00Z",
        "asked": None,
    }
    first = client.get("/api/v1/agents/web-3/gaps?limit=3")
    second = client.get(first.links["next"]["url"])
    assert first.json()["items"] + second.json()["items"] == listed["items"]
    assert second.json()["next_cursor"] is None
    for cursor in ("x", "1", f"1-{2**63}", "-1-1"):
        assert client.get("/api/v1/agents/web-3/gaps", params={"cursor": cursor}).status_code == 422
    assert client.get("/api/v1/agents/nobody/gaps").status_code == 404


def test_what_a_thinned_spool_lost_is_one_range(client: TestClient, keep: Keep) -> None:
    thinned = replace(gap(2, 80_000, GapState.DECLARED, "thinned"), step=2)
    keep(accounted("web-3", 80_000, thinned))
    [item] = client.get("/api/v1/agents/web-3/gaps").json()["items"]
    assert (item["first_seq"], item["last_seq"], item["step"], item["records"]) == (2, 80_000, 2, 40_000)
    [account] = delivery(client)["agents"]
    assert (account["declared"], account["declared_by_reason"][0]["ranges"]) == (40_000, 1)
    assert "2 to 80,000, every other one, of epoch 1" in client.get("/delivery").text


def test_the_page_says_in_one_sentence_that_all_is_accounted_for(client: TestClient, keep: Keep) -> None:
    keep(FLOWING)
    keep(accounted("web-3", 1_204_331))
    page = client.get("/delivery").text
    assert "1,204,331 records assigned, every one accounted for" in page
    assert "Named as lost, and unexplained" not in page
    assert 'class="banner"' not in page
    assert 'Records: <a href="/delivery">every record accounted for</a>' in client.get("/").text


def test_the_page_shows_ranges_and_reasons(client: TestClient, keep: Keep) -> None:
    keep(FLOWING)
    keep(accounted("web-3", 100, *LOSSES))
    keep(accounted("db-1", 100, UNEXPLAINED))
    page = client.get("/delivery").text
    assert page.index("db-1.example") < page.index("web-3.example")
    for words in (
        "3 unexplained: nobody has them and nobody named them as lost",
        "1 to 10 of epoch 1",
        "full: the spool was full",
        "50 to 52 of epoch 1",
        "96 of epoch 1",
        "records that the agent or RabbitMQ still has",
    ):
        assert words in page
    assert 'Records: <a href="/delivery">3 unexplained</a>' in client.get("/").text


def test_the_page_leads_to_the_quarantine_while_it_holds_something(client: TestClient, keep: Keep) -> None:
    keep(accounted("web-3", 100, *LOSSES))
    page = client.get("/delivery").text
    assert "/quarantine?agent=" not in page
    assert "their bytes were dropped with age" in page
    keep(Batch(quarantined=[poison()]))
    page = client.get("/delivery").text
    assert 'href="/quarantine?agent=web-3"' in page
    assert "their bytes were dropped with age" not in page


def test_the_page_comes_in_parts_with_trouble_first(client: TestClient, keep: Keep) -> None:
    for number in range(101):
        keep(accounted(f"host-{number:03}", 100, *([UNEXPLAINED] if number == 100 else [])))
    first, second = client.get("/delivery").text, client.get("/delivery?page=2").text
    assert "host-100.example" in first
    assert 'href="/delivery?page=2"' in first
    assert "host-099.example" in second
    assert "page=3" not in second


def test_an_empty_account_is_a_page_too(client: TestClient) -> None:
    assert "No record was assigned yet" in client.get("/delivery").text
    assert 'Records: <a href="/delivery">none yet</a>' in client.get("/").text


@pytest.mark.parametrize("name", ["сервер", "a?b#c", "ü"])
def test_the_next_part_is_named_whatever_the_host_is_called(client: TestClient, keep: Keep, name: str) -> None:
    keep(replace(accounted("web-3", 100, *LOSSES), agents=[agent(host_name=name)]))
    first = client.get(f"/api/v1/agents/{quote(name)}/gaps?limit=3")
    assert first.status_code == 200
    second = client.get(first.links["next"]["url"])
    assert [one["first_seq"] for one in second.json()["items"]] == [96]


def test_ranges_that_matter_are_shown_behind_many_that_do_not(client: TestClient, keep: Keep) -> None:
    quarantined = [gap(10 * place, 10 * place, GapState.QUARANTINED, "not-json") for place in range(1, 60)]
    keep(accounted("web-3", 1_000, *quarantined, gap(900, 902, GapState.UNEXPLAINED)))
    assert "900 to 902 of epoch 1" in client.get("/delivery").text
