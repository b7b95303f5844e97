"""A host that people retired, kept in a real store: its incidents close, and it comes back by itself."""

import pytest
from sqlalchemy import Engine

from processor.retirement import Retirements
from store import retirement
from store.agents import get_agent
from store.engine import reading, transaction
from store.incidents import get_incident, list_incidents
from store.model import Agent, Change, Incident
from store.retirement import Retirement
from tests.integration.test_keeper_silence import Hub
from tests.unit.processor.deliveries import wall_ms

OPEN_RULES = {"agent-silent", "clock-skew", "disk-usage"}


@pytest.fixture
def silent_hub(store_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """One host with a full disk and a clock that runs ahead, which then fell silent."""
    hub = Hub(store_engine, monkeypatch)
    hub.readings = {"disk": 97.0}
    hub.pass_seconds(20, is_heard=True)
    hub.close_connection()
    hub.pass_seconds(3, is_heard=False)
    assert open_rules(hub) == OPEN_RULES
    return hub


def ask(hub: Hub) -> None:
    wish = Retirement(agent_id="web-3", requested_ms=wall_ms(1) + hub.monotonic_ms, author="ana")
    with transaction(hub.engine) as connection:
        retirement.request(connection, wish)


def work(hub: Hub) -> None:
    hub.keeper.keep_timed(Retirements(hub.engine).decide)


def host(hub: Hub) -> Agent:
    with reading(hub.engine) as connection:
        found = get_agent(connection, "web-3")
        assert found is not None
        assert retirement.requested(connection) == []
    return found


def every_incident(hub: Hub) -> list[Incident]:
    with reading(hub.engine) as connection:
        return list_incidents(connection, "all", "web-3", None, 10)


def open_rules(hub: Hub) -> set[str]:
    return {one.key.rule for one in every_incident(hub) if one.closed_ms is None}


def test_a_retired_host_closes_its_incidents_for_good(silent_hub: Hub) -> None:
    ask(silent_hub)
    work(silent_hub)
    assert host(silent_hub).is_retired
    closed = every_incident(silent_hub)
    assert {one.sentence for one in closed} == {"the host was retired by ana"}
    assert (len(closed), open_rules(silent_hub)) == (3, set())
    with reading(silent_hub.engine) as connection:
        timelines = [get_incident(connection, one.number).timeline for one in closed]  # type: ignore[union-attr]
    assert [one[-1].change for one in timelines] == [Change.CLOSED] * 3
    silent_hub.pass_seconds(60, is_heard=False)
    silent_hub.keeper.release()
    silent_hub.pass_seconds(60, is_heard=False)  # who takes over knows it from the store
    assert len(every_incident(silent_hub)) == 3


def test_a_retired_host_that_sends_again_is_back_and_missed_again(silent_hub: Hub) -> None:
    ask(silent_hub)
    work(silent_hub)
    silent_hub.pass_seconds(20, is_heard=True)
    assert host(silent_hub).goodbye_ms is None
    silent_hub.close_connection()
    silent_hub.pass_seconds(3, is_heard=False)
    assert (len(every_incident(silent_hub)), open_rules(silent_hub)) == (6, OPEN_RULES)


def test_who_sent_after_the_wish_is_not_retired(silent_hub: Hub) -> None:
    ask(silent_hub)
    silent_hub.pass_seconds(5, is_heard=True)
    work(silent_hub)
    assert host(silent_hub).goodbye_ms is None
