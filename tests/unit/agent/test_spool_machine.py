"""Whatever happens to the spool: each number that was given is kept, with the hub, or named as lost; and is given once.

Against a small hub that keeps its books as the real one does: it stores what the broker confirmed and did not lose
again, and says in statements what is settled and what is missing.
"""

import itertools
import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agent.batch import Batch
from agent.instance import Instance
from agent.spool import Spool, SpoolUnavailable
from agent.spool_refuge import SpoolWithRefuge
from agent.stamp import Stamp
from rabbitmq.records import Loss, Record
from tests.unit.agent.spools import SMALLEST_BOUND_BYTES, Number, crash, decoded, kept_in, named, statement
from tests.unit.agent.stamping import snapshot_of, stamper


class Killed(BaseException):
    """The process ends here."""


class MoodySpool(SpoolWithRefuge):
    """On a disk that refuses while it is told to, and tries it again with each record."""

    refuses = False

    def _open_disk(self, instance: Instance | None) -> Spool:
        if self.refuses:
            raise SpoolUnavailable("disk I/O error")
        return super()._open_disk(instance)


class Hub:
    """The broker and the processor behind it."""

    def __init__(self) -> None:
        self.stored: dict[Number, bytes] = {}
        self.confirmed: set[Number] = set()
        self.confirmed_below: dict[int, int] = {}
        self.assigned: dict[int, int] = {}

    def take(self, batch: Batch, *, is_lost_again: bool) -> None:
        numbering, epoch = batch.numbering, batch.epoch
        self.confirmed |= {(epoch, row.seq) for row in batch.rows}
        if is_lost_again:
            return
        for row in batch.rows:
            assert self.stored.setdefault((epoch, row.seq), row.body) == row.body, "a number was given twice"
        self.assigned[epoch] = max(self.assigned.get(epoch, 0), numbering.last_assigned_seq)
        below = max(self.confirmed_below.get(epoch, 0), numbering.oldest_unconfirmed_seq)
        self.confirmed_below[epoch] = below

    def accounted(self, epoch: int) -> set[int]:
        losses = [record for record in map(decoded, self.stored.values()) if isinstance(record, Loss)]
        return {seq for of, seq in self.stored.keys() | named(losses) if of == epoch}

    def missing(self, epoch: int) -> list[int]:
        return sorted(set(range(1, self.confirmed_below.get(epoch, 1))) - self.accounted(epoch))

    def ended(self, epoch: int, last_seq: int) -> None:
        """A higher epoch has begun: what is missing of this one now is missing for good."""
        self.assigned[epoch], self.confirmed_below[epoch] = last_seq, last_seq + 1

    def settled(self, epoch: int) -> int:
        accounted = self.accounted(epoch)
        return next(
            seq for seq in range(self.assigned[epoch] + 1) if seq + 1 not in accounted or seq == self.assigned[epoch]
        )


class SpoolMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        starts = itertools.count(1)  # the clock of epochs in memory: no two starts within a tick
        self.clock = mock.patch("agent.epoch.time", SimpleNamespace(time=lambda: float(next(starts))))
        self.clock.start()
        self.folder = tempfile.TemporaryDirectory()
        self.file = Path(self.folder.name) / "spool.sqlite3"
        self.hub = Hub()
        self.given: set[Number] = set()
        self.died: set[int] = set()  # epochs in memory that ended with their process: the hub names what it misses
        self.in_flight: list[Batch] = []
        self.copy: Path | None = None
        self.open()

    def open(self) -> None:
        self.spool = MoodySpool(self.file, stamper(), bound_bytes=SMALLEST_BOUND_BYTES, clock=lambda: 0.0)
        self.in_flight.clear()
        self.note_given()

    @rule(count=st.integers(1, 30), size_bytes=st.sampled_from([0, 6000, 40_000]))
    def append(self, count: int, size_bytes: int) -> None:
        for _ in range(count):
            self.spool._retry_at = 0.0
            self.spool.append(snapshot_of(size_bytes))
            self.note_given()

    @rule()
    def append_that_fails(self) -> None:
        def broken(stamp: Stamp) -> Record:
            raise ArithmeticError(stamp["seq"])

        with pytest.raises(ArithmeticError):
            self.spool.append(broken)
        self.note_given()

    @rule(limit=st.integers(1, 20))
    def take_oldest(self, limit: int) -> None:
        if batch := self.spool.take_oldest(limit, 1 << 20):
            self.in_flight.append(batch)

    @rule()
    def take_newest(self) -> None:
        if batch := self.spool.take_newest():
            assert batch.rows[0].seq == self.spool.last_seq
            self.in_flight.append(batch)

    @rule(limit=st.integers(1, 20), is_lost_again=st.booleans())
    def deliver(self, limit: int, is_lost_again: bool) -> None:
        if batch := self.spool.take_oldest(limit, 1 << 20):
            self.hub.take(batch, is_lost_again=is_lost_again)
            self.spool.confirm(batch.positions)

    @precondition(lambda self: self.in_flight)
    @rule(is_lost_again=st.booleans())
    def confirm(self, is_lost_again: bool) -> None:
        batch = self.in_flight.pop(0)
        self.hub.take(batch, is_lost_again=is_lost_again)
        self.spool.confirm(batch.positions)

    @precondition(lambda self: self.in_flight)
    @rule()
    def put_back_all(self) -> None:
        while self.in_flight:
            self.spool.put_back(self.in_flight.pop().positions)

    @precondition(lambda self: self.hub.assigned)
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        epoch = data.draw(st.sampled_from(sorted(self.hub.assigned)))
        missing = [(seq, seq) for seq in self.hub.missing(epoch)]
        self.spool.settle(statement(epoch, self.hub.assigned[epoch], self.hub.settled(epoch), missing))
        self.note_given()

    @rule()
    def restart(self) -> None:
        self.spool.close()
        self.lose_memory()
        self.open()

    @precondition(lambda self: not self.spool.refuses)
    @rule(when=st.sampled_from(["now", "before the commit", "after the commit"]), is_deleted=st.booleans())
    def kill(self, when: str, is_deleted: bool) -> None:
        rows = self.spool._active._rows
        if when == "after the commit":
            rows.mark = _killed  # type: ignore[method-assign]
        if when != "now":
            with pytest.raises(Killed):
                self.spool.append(_build_and_die if when == "before the commit" else snapshot_of(6000))
        self.note_given()
        crash(self.spool._active)
        self.lose_memory()
        if is_deleted:
            self.file.unlink()
        self.open()

    @precondition(lambda self: not self.spool.refuses)
    @rule()
    def disk_refuses(self) -> None:
        if not self.spool._in_memory:
            self.spool._active._rows.database.execute("PRAGMA query_only = ON")
        self.spool.refuses = True

    @precondition(lambda self: self.spool.refuses)
    @rule()
    def disk_takes_records_again(self) -> None:
        if not self.spool._in_memory:
            self.spool._active._rows.database.execute("PRAGMA query_only = OFF")
        self.spool.refuses = False

    @precondition(lambda self: not self.spool._in_memory)
    @rule()
    def make_a_backup(self) -> None:
        self.copy = Path(self.folder.name) / "backup"
        shutil.copy(self.file, self.copy)

    @precondition(lambda self: self.copy)
    @rule()
    def restore_the_backup(self) -> None:
        assert self.copy
        self.spool.close()
        self.lose_memory()
        shutil.copy(self.copy, self.file)
        self.open()

    @precondition(lambda self: not self.spool._in_memory)
    @rule()
    def delete_the_spool(self) -> None:
        self.spool.close()
        self.file.unlink()
        self.open()

    @invariant()
    def every_number_is_kept_or_with_the_hub_or_named(self) -> None:
        kept = kept_in(self.file) | self.in_memory()
        known = kept | self.hub.stored
        for number, body in kept.items():
            assert self.hub.stored.get(number, body) == body, "a number was given twice"
        losses = [record for record in map(decoded, known.values()) if isinstance(record, Loss)]
        named_by_confirmed = known.keys() | named(losses) | self.hub.confirmed  # the hub asks for these and is told
        assert {epoch for epoch, _ in self.given - named_by_confirmed} <= self.died

    @invariant()
    def the_counts_are_true(self) -> None:
        state = self.spool._active._rows.state
        assert not set(state.waiting) & set(state.in_flight)
        flying = {position for batch in self.in_flight for position in batch.positions}
        assert set(state.in_flight) <= flying
        assert self.spool.count == len(state.waiting) + len(state.in_flight)

    def teardown(self) -> None:
        try:
            self.disk_takes_records_again()
            self.put_back_all()
            self.the_account_closes()
        finally:
            self.clock.stop()
            self.spool.close()
            self.folder.cleanup()

    def the_account_closes(self) -> None:
        """Once the broker loses nothing any more, some statements later the hub knows of every number."""
        for _ in range(4):
            self.spool._retry_at = 0.0
            self.spool.append(snapshot_of(0))
            self.note_given()
            while batch := self.spool.take_oldest(100, 1 << 20):
                self.hub.take(batch, is_lost_again=False)
                self.spool.confirm(batch.positions)
            for epoch in sorted({epoch for epoch, _ in self.given} - self.died):
                self.hub.assigned.setdefault(epoch, 1)
                if epoch != self.spool.epoch:
                    self.hub.ended(epoch, max(seq for of, seq in self.given if of == epoch))
                missing = [(seq, seq) for seq in self.hub.missing(epoch)]
                self.spool.settle(statement(epoch, self.hub.assigned[epoch], self.hub.settled(epoch), missing))
        unexplained = {
            (epoch, seq) for epoch, seq in self.given if epoch not in self.died and seq not in self.hub.accounted(epoch)
        }
        assert not unexplained

    def note_given(self) -> None:
        """All numbers up to the last one of the epoch were given by now."""
        self.given |= {(self.spool.epoch, seq) for seq in range(1, self.spool.last_seq + 1)}

    def in_memory(self) -> dict[Number, bytes]:
        if not self.spool._in_memory:
            return {}
        bodies = [body for (body,) in self.spool._active._rows.rows("SELECT body FROM record")]
        return {(record.epoch, record.seq): body for body in bodies for record in [decoded(body)]}

    def lose_memory(self) -> None:
        if self.spool._in_memory:
            self.died.add(self.spool.epoch)


def _killed() -> None:
    raise Killed


def _build_and_die(_stamp: Stamp) -> Record:
    raise Killed


TestSpoolMachine = SpoolMachine.TestCase
TestSpoolMachine.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)
