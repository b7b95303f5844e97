"""Incidents that late records opened, and those that flap: as the next processor and people find them."""

from collections.abc import Collection
from dataclasses import replace

import pytest
from sqlalchemy import Engine

from health.state import State
from store import agents, fence
from store.engine import reading
from store.incidents import get_incident
from store.ingest import keep_batch
from store.model import Change, CheckKey, Incident, IncidentChange
from tests.contract.store.builders import KEY, NOW_MS, agent, batch, change


@pytest.fixture
def epoch(store_engine: Engine) -> int:
    return fence.claim(store_engine, "processor-1", NOW_MS)


def keep(engine: Engine, epoch: int, *changes: IncidentChange) -> Incident:
    number = keep_batch(engine, batch(agents=[agent()], incidents=changes), epoch).incident_numbers[KEY]
    with reading(engine) as connection:
        incident = get_incident(connection, number)
    assert incident is not None
    return incident


def unheard(engine: Engine) -> Collection[CheckKey]:
    with reading(engine) as connection:
        return agents.fleet_state(connection).unheard


def late(kind: Change, seq: int) -> IncidentChange:
    return replace(change(kind, seq), is_late=True)


def test_nobody_heard_of_it_until_a_live_record_confirms_it(store_engine: Engine, epoch: int) -> None:
    assert unheard(store_engine) == []
    assert keep(store_engine, epoch, late(Change.OPENED, 1)).is_late
    assert unheard(store_engine) == [KEY]
    assert keep(store_engine, epoch, late(Change.FLAPPING, 2)).is_late
    assert not keep(store_engine, epoch, change(Change.WORSENED, 3)).is_late
    assert unheard(store_engine) == []


def test_one_that_ended_unheard_stays_so(store_engine: Engine, epoch: int) -> None:
    assert keep(store_engine, epoch, late(Change.OPENED, 1), change(Change.CLOSED, 2)).is_late
    assert unheard(store_engine) == []


def test_flapping_has_the_worst_severity_and_settling_the_one_in_force(store_engine: Engine, epoch: int) -> None:
    worst = replace(change(Change.FLAPPING, 2), severity=State.CRITICAL, limit=95.0)
    flapping = keep(store_engine, epoch, change(Change.OPENED, 1), worst)
    assert (flapping.severity, flapping.limit, flapping.flapping_since_ms) == (State.CRITICAL, 95.0, worst.at_ms)
    settled = keep(store_engine, epoch, change(Change.SETTLED, 3))
    assert (settled.severity, settled.limit, settled.flapping_since_ms) == (State.WARNING, 90.0, None)
