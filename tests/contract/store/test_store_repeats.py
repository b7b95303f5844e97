"""Records under numbers that are accounted for as stored: compared with what is kept, never inserted."""

from typing import Any

import pytest
from sqlalchemy import Engine, select

from store import fence, quarantine
from store.engine import reading
from store.ingest import keep_batch
from store.model import Batch, KeptBatch, KeptRecord, KeptSnapshot
from store.retention import drop_before
from store.snapshots import latest, stored_sequences
from store.tables import layout
from tests.contract.store.builders import NOW_MS, account, agent, at, batch, hello, snapshot

NOT_FOUND = "nothing is kept under it"


@pytest.fixture
def epoch(store_engine: Engine) -> int:
    return fence.claim(store_engine, "processor-1", NOW_MS)


def repeat(engine: Engine, epoch: int, *repeats: KeptSnapshot | KeptRecord, **fields: Any) -> KeptBatch:
    return keep_batch(engine, batch(repeats=repeats, **fields), epoch)


def reasons(engine: Engine) -> list[tuple[str, str]]:
    with reading(engine) as connection:
        return [(entry.reason, entry.detail) for entry in quarantine.list_entries(connection, None, 100)]


def test_copies_are_duplicates_whenever_they_were_received(store_engine: Engine, epoch: int) -> None:
    sent = [snapshot(seq) for seq in range(1, 601)]
    keep_batch(store_engine, batch(snapshots=sent, records=[hello(601)]), epoch)
    again = [snapshot(seq, received_ms=NOW_MS + 9) for seq in range(1, 601)]
    kept = repeat(store_engine, epoch, *again, hello(601, received_ms=NOW_MS + 9), hello(601))
    assert kept == KeptBatch(new_records=0, duplicates=602, incident_numbers={})
    assert reasons(store_engine) == []


@pytest.mark.parametrize(
    "other",
    [
        snapshot(1, readings={"cpu.usage_percent": 99.0}),
        snapshot(1, readings={"memory.usage_percent": 1.0}),
        hello(2, raw=b"other"),
    ],
)
def test_other_content_goes_to_quarantine(store_engine: Engine, epoch: int, other: KeptSnapshot | KeptRecord) -> None:
    keep_batch(store_engine, batch(snapshots=[snapshot(1)], records=[hello(2)]), epoch)
    kept = repeat(store_engine, epoch, snapshot(1), other, hello(2))
    assert (kept.new_records, kept.duplicates) == (0, 2)
    [found] = kept.key_reused
    assert (found.reason, found.routing_key) == ("key-reused", "web-1")
    assert f"epoch 1, seq {other.seq} is kept with other content" in found.detail
    assert reasons(store_engine) == [(found.reason, found.detail)]
    with reading(store_engine) as connection:
        assert latest(connection, at(snapshot(1))) == snapshot(1)
        assert stored_sequences(connection, "web-1") == [(1, 1), (1, 2)]


@pytest.mark.parametrize(
    "other",
    [
        snapshot(1, wall_ms=NOW_MS + 1),  # the number at another time
        hello(1),  # a record under a snapshot's number
        snapshot(2),  # a snapshot under a record's number
        snapshot(3),  # a number that is not there, whatever its account says
        hello(3),
    ],
)
def test_a_number_that_is_not_kept_so_goes_to_quarantine(
    store_engine: Engine, epoch: int, other: KeptSnapshot | KeptRecord
) -> None:
    told = account(assigned_seq=3, stored=3)
    keep_batch(store_engine, batch(snapshots=[snapshot(1)], records=[hello(2)], accounts=told), epoch)
    kept = repeat(store_engine, epoch, other)
    assert (kept.new_records, kept.duplicates, len(kept.key_reused)) == (0, 0, 1)
    [(reason, detail)] = reasons(store_engine)
    assert reason == "key-reused"
    assert NOT_FOUND in detail
    with reading(store_engine) as connection:
        assert stored_sequences(connection, "web-1") == [(1, 1), (1, 2)]


def test_a_copy_of_what_was_dropped_for_its_age_is_a_duplicate(store_engine: Engine, epoch: int) -> None:
    sent = [snapshot(seq) for seq in range(2, 5)]
    keep_batch(store_engine, batch(snapshots=sent, records=[hello(1)]), epoch)
    drop_before(store_engine, sent[-1].wall_ms, epoch)
    kept = repeat(store_engine, epoch, hello(1), *sent)
    assert (kept.duplicates, kept.key_reused) == (4, ())
    drop_before(store_engine, sent[-1].wall_ms + 1, epoch)
    kept = repeat(store_engine, epoch, hello(1), *sent)
    assert (kept.duplicates, kept.key_reused) == (4, ())


def test_a_copy_of_what_was_dropped_is_a_duplicate_while_older_late_snapshots_are_kept(
    store_engine: Engine, epoch: int
) -> None:
    both, dropped_ms = [agent("web-1"), agent("db-1")], NOW_MS + 60_000
    late = snapshot(1, "db-1", received_ms=dropped_ms)  # its host was cut off when it was taken
    ahead = hello(9, wall_ms=dropped_ms)
    keep_batch(store_engine, batch(agents=both, snapshots=[snapshot(2), late], records=[hello(1), ahead]), epoch)
    drop_before(store_engine, dropped_ms, epoch)
    drop_before(store_engine, NOW_MS, epoch)  # a longer retention brings nothing back
    kept = repeat(store_engine, epoch, snapshot(2), late, hello(1), ahead)
    assert (kept.duplicates, kept.key_reused) == (4, ())
    other = repeat(store_engine, epoch, snapshot(2, wall_ms=dropped_ms))
    assert [NOT_FOUND in bad.detail for bad in other.key_reused] == [True]


def test_a_copy_in_the_batch_that_brings_its_record_is_a_duplicate(store_engine: Engine, epoch: int) -> None:
    clone = snapshot(1, readings={"cpu.usage_percent": 99.0})
    kept = repeat(store_engine, epoch, snapshot(1), clone, hello(2), snapshots=[snapshot(1)], records=[hello(2)])
    assert (kept.new_records, kept.duplicates, len(kept.key_reused)) == (2, 2, 1)


def test_a_repeat_keeps_no_layout(store_engine: Engine, epoch: int) -> None:
    keep_batch(store_engine, batch(snapshots=[snapshot(1)]), epoch)
    repeat(store_engine, epoch, snapshot(1, readings={"never.seen": 1.0}))
    with reading(store_engine) as connection:
        assert len(connection.execute(select(layout.c.layout_no)).all()) == 1


def test_a_batch_whose_commit_nobody_heard_of_is_kept_once(store_engine: Engine, epoch: int) -> None:
    keep_batch(store_engine, batch(snapshots=[snapshot(1)], accounts=account(assigned_seq=1, stored=1)), epoch)
    sent: Batch = batch(
        snapshots=[snapshot(2)],
        records=[hello(3)],
        repeats=[snapshot(1), snapshot(1, readings={})],
        accounts=account(assigned_seq=3, stored=3, duplicates=1),
    )
    first = keep_batch(store_engine, sent, epoch)
    again = keep_batch(store_engine, sent, epoch)
    assert (first.new_records, first.duplicates) == (2, 1)
    assert (again.new_records, again.duplicates) == (0, 3)
    assert again.key_reused == first.key_reused
    assert len(reasons(store_engine)) == 1


def test_each_agents_numbers_are_its_own(store_engine: Engine, epoch: int) -> None:
    both = [agent("web-1"), agent("db-1")]
    keep_batch(store_engine, batch(agents=both, snapshots=[snapshot(1)]), epoch)
    kept = repeat(store_engine, epoch, snapshot(1, "db-1"), snapshot(1, epoch=2), snapshot(1))
    assert [(bad.routing_key, NOT_FOUND in bad.detail) for bad in kept.key_reused] == [("db-1", True), ("web-1", True)]
