"""Retention by turns: never long at once, and all of it in the end."""

from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Engine

from processor.expiry import LONGEST_TURN_MS, Expiry
from processor.periodic import Turn
from store import fence, ingest, retention
from store.engine import open_engine, reading
from store.migrate import migrate
from store.model import Agent, Batch, KeptRecord, KeptSnapshot
from store.snapshots import stored_sequences
from store.tables import record

NOW_MS = 1_790_000_000_000
AGENT = Agent(agent_id="web-1", first_seen_ms=0, last_seen_ms=0)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """With 20 snapshots and 5 hellos that nobody wants any more."""
    opened = open_engine(f"sqlite:///{tmp_path / 'store.db'}")
    migrate(opened)
    snapshots = [
        KeptSnapshot(agent_id="web-1", epoch=1, seq=seq, wall_ms=seq, received_ms=seq, readings={"cpu": 1.0})
        for seq in range(1, 21)
    ]
    hellos = [
        KeptRecord(agent_id="web-1", epoch=1, seq=seq, kind="hello", wall_ms=seq, received_ms=seq, raw=b"{}")
        for seq in range(21, 26)
    ]
    batch = Batch(agents=[AGENT], snapshots=snapshots, records=hellos)
    ingest.keep_batch(opened, batch, fence.claim(opened, "here", NOW_MS))
    return opened


def left(engine: Engine) -> int:
    with reading(engine) as connection:
        return len(stored_sequences(connection, "web-1"))


def test_a_turn_ends_when_its_time_is_over_and_the_next_goes_on(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "CHUNK_ROWS", 4)
    looks = count(0, LONGEST_TURN_MS // 2)  # two transactions fill a turn
    expiry = Expiry(engine, 1_000, lambda: NOW_MS, lambda: next(looks))
    turns: list[tuple[Turn, int]] = []
    while not turns or turns[-1][0] is Turn.UNFINISHED:
        assert len(turns) < 10
        turns.append((expiry.drop(1), left(engine)))
    assert [rows for _, rows in turns] == [17, 9, 1, 0, 0]


def test_nothing_is_dropped_while_another_processor_is_the_active_one(engine: Engine) -> None:
    assert Expiry(engine, 1_000, lambda: NOW_MS, lambda: 0).drop(None) is Turn.DONE
    assert left(engine) == 25


def test_the_oldest_records_are_found_by_an_index(engine: Engine) -> None:
    which = retention._old_rows(NOW_MS, NOW_MS)[record]
    query = str(record.select().where(which).compile(engine, compile_kwargs={"literal_binds": True}))
    with reading(engine) as connection:
        [plan] = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}").all()
    assert "USING INDEX record_received_ms" in plan.detail
