"""Hosts that people retired, with more open than is closed at once."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from health.state import State
from processor.memory import FleetMemory
from processor.retirement import Retirements
from store import agents, fence, ingest, retirement
from store.engine import open_engine, reading, transaction
from store.incidents import open_incidents
from store.migrate import migrate
from store.model import Agent, Batch, Change, Check, CheckKey, IncidentChange

NOW_MS = 1_790_000_000_000
AGENT = Agent(agent_id="web-1", first_seen_ms=0, last_seen_ms=NOW_MS - 60_000, epoch=1, seq=9)
KEYS = [CheckKey("web-1", "disk-full", f'mount="/{number}"') for number in range(5)]


def change(key: CheckKey) -> IncidentChange:
    return IncidentChange(
        key=key,
        change=Change.OPENED,
        severity=State.CRITICAL,
        at_ms=NOW_MS,
        received_ms=NOW_MS,
        epoch=1,
        seq=9,
        metric="disk.usage_percent",
        value=99.0,
        limit=95.0,
        title="disk full",
        sentence="it is full",
    )


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """A host with five open incidents that somebody retires, where two are closed at once."""
    monkeypatch.setattr(retirement, "MOST_CLOSED", 2)
    opened = open_engine(f"sqlite:///{tmp_path / 'store.db'}")
    migrate(opened)
    checks = [Check(key=key, state=State.CRITICAL, since_ms=NOW_MS, value=99.0) for key in KEYS]
    batch = Batch(agents=[AGENT], checks=checks, incidents=[change(key) for key in KEYS], received_ms=NOW_MS)
    ingest.keep_batch(opened, batch, fence.claim(opened, "here", NOW_MS))
    with transaction(opened) as connection:
        wish = retirement.Retirement(agent_id="web-1", requested_ms=NOW_MS, author="ana")
        retirement.request(connection, wish)
    return opened


def turn(engine: Engine, now_ms: int) -> tuple[int, int, int]:
    """How many incidents and checks are open after it, and how often its goodbye was told."""
    with reading(engine) as connection:
        memory = FleetMemory(agents.fleet_state(connection))
    decision = Retirements(engine).decide(memory, lambda *_: (), now_ms)
    if decision is not None:
        ingest.keep_batch(engine, decision.batch, 1)
        memory.apply(decision)
    with reading(engine) as connection:
        troubled = [check for check in memory.checks("web-1").values() if check.state is not State.OK]
        return len(open_incidents(connection)), len(troubled), len(decision.stopped) if decision else 0


def test_a_wish_stays_until_nothing_is_open(engine: Engine) -> None:
    turns = [turn(engine, NOW_MS + 1_000 * number) for number in range(1, 5)]
    assert turns == [(3, 3, 1), (1, 1, 0), (0, 0, 0), (0, 0, 0)]
    with reading(engine) as connection:
        assert retirement.requested(connection) == []
        kept = agents.get_agent(connection, "web-1")
    assert kept is not None
    assert (kept.is_retired, kept.goodbye_ms) == (True, NOW_MS + 1_000)


def test_a_host_that_comes_back_meanwhile_keeps_what_is_still_open_with_its_checks(engine: Engine) -> None:
    turn(engine, NOW_MS + 1_000)
    back = replace(AGENT, last_seen_ms=NOW_MS + 2_000, seq=10)
    ingest.keep_batch(engine, Batch(agents=[back], received_ms=NOW_MS + 2_000), 1)
    assert turn(engine, NOW_MS + 3_000) == (3, 3, 0)
    with reading(engine) as connection:
        assert retirement.requested(connection) == []
