"""One owner writes at a time, and a killed one leaves nothing half done."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine

from store import fence, quarantine
from store.engine import StoreUnavailable, open_engine, reading, transaction
from store.ingest import keep_batch
from store.retention import drop_before
from store.snapshots import stored_sequences
from tests.contract.store.builders import NOW_MS, batch, poison, snapshot

KILLED_BEFORE_COMMIT = """
import signal, sys
from sqlalchemy import event
from store import fence
from store.engine import open_engine
from store.ingest import keep_batch
from tests.contract.store.builders import batch, snapshot

engine = open_engine(sys.argv[1])
epoch = fence.claim(engine, "first", 1)
keep_batch(engine, batch(snapshots=[snapshot(1)]), epoch)
event.listen(engine, "commit", lambda connection: signal.raise_signal(signal.SIGKILL))
keep_batch(engine, batch(snapshots=[snapshot(2), snapshot(3)]), epoch)
"""


def test_who_lost_the_fence_changes_nothing(store_engine: Engine) -> None:
    first = fence.claim(store_engine, "first", NOW_MS)
    keep_batch(store_engine, batch(snapshots=[snapshot(1)]), first)
    second = fence.claim(store_engine, "second", NOW_MS)
    assert second > first
    with pytest.raises(fence.Fenced, match="'second' took over"):
        keep_batch(store_engine, batch(snapshots=[snapshot(2)]), first)
    with pytest.raises(fence.Fenced):
        drop_before(store_engine, NOW_MS * 2, first)
    keep_batch(store_engine, batch(snapshots=[snapshot(3)]), second)
    with reading(store_engine) as connection:
        assert stored_sequences(connection, "web-1") == [(1, 1), (1, 3)]


def test_nobody_takes_over_between_the_check_and_the_commit(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.engine.BUSY_TIMEOUT_SECONDS", 0)
    monkeypatch.setattr("store.engine.STATEMENT_TIMEOUT_MS", 300)
    owner, successor = open_engine(store_url), open_engine(store_url)
    epoch = fence.claim(owner, "first", NOW_MS)
    with transaction(owner) as connection:
        fence.check(connection, epoch)
        with pytest.raises(StoreUnavailable):
            fence.claim(successor, "second", NOW_MS)
    assert fence.claim(successor, "second", NOW_MS) == epoch + 1
    owner.dispose()
    successor.dispose()


def test_owners_that_race_never_write_after_their_successor(store_url: str) -> None:
    def own(name: str) -> int:
        engine = open_engine(store_url)
        kept = 0
        for _ in range(15):
            epoch = fence.claim(engine, name, NOW_MS)
            for attempt in range(3):
                body = f"{name}-{epoch}-{attempt}".encode()
                try:
                    keep_batch(engine, batch(quarantined=[poison(body, reason=str(epoch))]), epoch)
                except fence.Fenced:
                    break
                kept += 1
        engine.dispose()
        return kept

    with ThreadPoolExecutor() as pool:
        kept = sum(pool.map(own, ("left", "right")))
    engine = open_engine(store_url)
    with reading(engine) as connection:
        entries = quarantine.list_entries(connection, before=None, limit=1000)
    engine.dispose()
    written = [int(entry.reason) for entry in reversed(entries)]
    assert len(written) == kept > 0
    assert written == sorted(written)


def test_killed_before_the_commit_leaves_nothing_and_blocks_nobody(store_url: str) -> None:
    process = subprocess.run(
        [sys.executable, "-c", KILLED_BEFORE_COMMIT, store_url], check=False, capture_output=True, timeout=60
    )
    assert process.returncode == -9, process.stderr.decode()
    engine = open_engine(store_url)
    epoch = fence.claim(engine, "second", NOW_MS)
    with reading(engine) as connection:
        assert stored_sequences(connection, "web-1") == [(1, 1)]
    again = keep_batch(engine, batch(snapshots=[snapshot(2), snapshot(3)]), epoch)
    assert (again.new_records, again.duplicates) == (2, 0)
    engine.dispose()
