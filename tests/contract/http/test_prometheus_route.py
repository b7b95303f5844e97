"""What Prometheus scrapes is what the API says."""

from collections.abc import Callable
from dataclasses import replace

from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from helpdesk_api.desk import Desk
from helpdesk_api.queue_gauge import QueueLook
from helpdesk_api.settings import Settings
from store.model import Batch
from tests.contract.http.accounts import LOSSES, accounted, poison
from tests.contract.http.conftest import NotingSender, client_of
from tests.contract.http.fleet import FLOWING, greeted, healthy

Keep = Callable[[Batch], object]


def scraped(client: TestClient) -> dict[str, float]:
    answer = client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = text_string_to_metric_families(answer.text)
    return {
        one.name + "".join(f"/{value}" for value in one.labels.values()): one.value
        for family in families
        for one in family.samples
    }


def test_the_figures_are_those_of_the_account(client: TestClient, keep: Keep, sender: NotingSender) -> None:
    keep(FLOWING)
    keep(accounted("web-3", 100, *LOSSES, duplicates=7))
    keep(healthy("db-1"))
    keep(Batch(agents=[greeted()], quarantined=[poison()]))
    sender.queue = QueueLook(depth=40, consumers=1)
    found = scraped(client)
    expected = {
        "healthmon_records_assigned_total": 100,
        "healthmon_records_stored_total": 82,
        "healthmon_records_duplicates_total": 7,
        "healthmon_records_declared_total/full": 10,
        "healthmon_records_quarantined": 1,
        "healthmon_agent_records_in_transit/web-3": 5,
        "healthmon_agent_records_in_transit/db-1": 0,
        "healthmon_queue_messages": 40,
        "healthmon_queue_age_seconds": 2,
        "healthmon_quarantine_messages": 1,
        "healthmon_agents/ok": 2,
        "healthmon_agents/waiting": 1,
        "healthmon_agents/stale": 0,
    }
    assert {name: found[name] for name in expected} == expected


def test_a_key_is_asked_for_where_the_api_asks_for_one(desk: Desk) -> None:
    client = client_of(replace(desk, settings=Settings(bind="0.0.0.0")))  # noqa: S104
    assert client.get("/metrics").status_code == 401
