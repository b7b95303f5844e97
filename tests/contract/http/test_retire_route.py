"""Retiring a host: asked for by people, refused while its agent is there, and how it shows afterwards."""

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from helpdesk_api.desk import Desk
from store import retirement
from store.engine import reading, transaction
from store.model import RETIRED, Batch
from store.retirement import Retirement
from tests.contract.http.fleet import FLOWING, NOW_MS, agent, change, healthy, silent

Keep = Callable[[Batch], object]


def requested(desk: Desk) -> list[Retirement]:
    with reading(desk.engine) as connection:
        return retirement.requested(connection)


@pytest.fixture
def flowing(keep: Keep) -> None:
    keep(FLOWING)


def test_a_host_that_is_gone_is_handed_to_the_processor(client: TestClient, desk: Desk, keep: Keep) -> None:
    keep(Batch(agents=[silent()]))
    answer = client.post("/api/v1/agents/web-3.example/retire")
    assert (answer.status_code, answer.json()["agent_id"], answer.json()["name"]) == (202, "web-3", "web-3.example")
    assert requested(desk) == [Retirement(agent_id="web-3", requested_ms=NOW_MS, author="local")]


def test_a_connected_agent_is_not_gone(client: TestClient, desk: Desk, keep: Keep) -> None:
    keep(healthy("web-3"))
    answer = client.post("/api/v1/agents/web-3/retire")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/agent-connected")
    heard, now = "web-3.example is not gone: its agent was heard 1 s ago.", "Stop the agent on the host first,"
    assert answer.json()["detail"] == f"{heard} {now} then retire the host."
    assert requested(desk) == []


def test_a_host_is_retired_once_and_a_strange_one_never(client: TestClient, desk: Desk, keep: Keep) -> None:
    keep(Batch(agents=[silent(goodbye_ms=NOW_MS, goodbye_reason=RETIRED)]))
    answer = client.post("/api/v1/agents/web-3/retire")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/nothing-to-do")
    assert client.post("/api/v1/agents/nobody/retire").status_code == 404
    assert requested(desk) == []


@pytest.mark.usefixtures("flowing")
def test_a_retired_host_needs_nobody_and_is_listed_last(client: TestClient, keep: Keep) -> None:
    keep(healthy("web-4"))
    keep(Batch(agents=[silent("a-gone", goodbye_ms=NOW_MS - 120_000, goodbye_reason=RETIRED)]))
    shown = client.get("/api/v1/agents/a-gone").json()
    told = "Retired (2 min ago). It comes back by itself when its agent sends."
    assert (shown["state"], shown["own_state"], shown["sentence"]) == ("muted", "stale", told)
    page = client.get("/", headers={"accept": "text/html"}).text
    assert page.index("web-4.example") < page.index("a-gone.example")
    assert page.count("a-gone.example") == 1  # in the table, and not among those that need somebody


@pytest.mark.usefixtures("flowing")
def test_what_is_open_of_a_retired_host_is_not_hidden(client: TestClient, keep: Keep) -> None:
    gone = agent(goodbye_ms=NOW_MS - 120_000, goodbye_reason=RETIRED)
    keep(Batch(agents=[gone], incidents=[change()]))
    assert client.get("/api/v1/agents/web-3").json()["state"] == "critical"


def test_an_unknown_name_is_looked_up_while_others_write(client: TestClient, desk: Desk) -> None:
    with transaction(desk.engine):
        assert client.post("/api/v1/agents/nobody/retire").status_code == 404
        wish = {"agent": "nobody", "parent": "web-3"}
        assert client.post("/api/v1/dependencies", json=wish).status_code == 404
