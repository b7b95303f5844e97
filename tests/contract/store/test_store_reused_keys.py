"""A key that comes with other content is no duplicate: what came second is kept for people."""

import json
from typing import Any

import pytest
from sqlalchemy import Engine

from store import fence, quarantine
from store.engine import reading
from store.ingest import keep_batch
from store.model import Batch, KeptBatch, KeptSnapshot, Quarantined
from store.snapshots import latest
from tests.contract.store.builders import NOW_MS, at, batch, hello, poison, snapshot


@pytest.fixture
def epoch(store_engine: Engine) -> int:
    return fence.claim(store_engine, "processor-1", NOW_MS)


def quarantined(engine: Engine) -> list[Quarantined | None]:
    """Oldest first."""
    with reading(engine) as connection:
        entries = quarantine.list_entries(connection, before=None, limit=100)
        return [quarantine.get(connection, entry.no) for entry in reversed(entries)]


def test_a_record_under_a_key_that_is_taken_goes_to_quarantine_with_its_bytes(store_engine: Engine, epoch: int) -> None:
    keep_batch(store_engine, batch(records=[hello(1, raw=b"first"), hello(2)]), epoch)
    kept = keep_batch(store_engine, batch(records=[hello(1, raw=b"second"), hello(2), hello(3)]), epoch)
    [found] = quarantined(store_engine)
    assert found is not None
    assert (found.reason, found.routing_key, found.body) == ("key-reused", "web-1", b"second")
    assert "epoch 1, seq 1 " in found.detail
    assert kept == KeptBatch(new_records=1, duplicates=1, incident_numbers={}, key_reused=(found,))


@pytest.mark.parametrize(
    "other", [{"readings": {"cpu.usage_percent": 99.0}}, {"readings": {"memory.usage_percent": 1.0}}, {"readings": {}}]
)
def test_a_snapshot_with_other_numbers_or_names_goes_to_quarantine(
    store_engine: Engine, epoch: int, other: dict[str, Any]
) -> None:
    first, second = snapshot(1), snapshot(1, extra=b'{"boot_id":"b"}', **other)
    keep_batch(store_engine, batch(snapshots=[first]), epoch)
    kept = keep_batch(store_engine, batch(snapshots=[second]), epoch)
    assert (kept.new_records, kept.duplicates, len(kept.key_reused)) == (0, 0, 1)
    [found] = quarantined(store_engine)
    assert found is not None
    assert json.loads(found.body) == {
        "type": "snapshot",
        "agent_id": "web-1",
        "epoch": 1,
        "seq": 1,
        "wall_ms": NOW_MS,
        "readings": other["readings"],
        "extra": {"boot_id": "b"},
    }
    with reading(store_engine) as connection:
        assert latest(connection, at(first)) == first


def test_a_second_content_in_one_batch_goes_to_quarantine(store_engine: Engine, epoch: int) -> None:
    clone = snapshot(1, readings={"cpu.usage_percent": 2.0})
    kept = keep_batch(store_engine, batch(snapshots=[snapshot(1), clone, snapshot(1)]), epoch)
    assert (kept.new_records, kept.duplicates, len(kept.key_reused)) == (1, 1, 1)


def test_exact_copies_stay_silent_whenever_they_were_received(store_engine: Engine, epoch: int) -> None:
    sent: list[KeptSnapshot] = [snapshot(seq) for seq in range(1, 1_203)]
    keep_batch(store_engine, batch(snapshots=sent, records=[hello(2_000)]), epoch)
    again = [snapshot(seq, received_ms=NOW_MS + 9_999) for seq in range(1, 1_203)]
    kept = keep_batch(store_engine, batch(snapshots=again, records=[hello(2_000, received_ms=NOW_MS + 1)]), epoch)
    assert (kept.new_records, kept.duplicates, kept.key_reused) == (0, 1_203, ())
    assert quarantined(store_engine) == []


def test_the_same_batch_again_quarantines_nothing_more(store_engine: Engine, epoch: int) -> None:
    keep_batch(store_engine, batch(records=[hello(1, raw=b"first")]), epoch)
    clone: Batch = batch(records=[hello(1, raw=b"second")], quarantined=[poison()])
    for _ in range(2):
        keep_batch(store_engine, clone, epoch)
    assert [found.reason for found in quarantined(store_engine) if found] == ["not-json", "key-reused"]
