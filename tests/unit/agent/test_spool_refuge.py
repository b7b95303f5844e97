"""While the disk refuses the agent goes on in memory, and says so; what memory kept moves to the disk later."""

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

import pytest

from agent.epoch import is_of_memory
from agent.high_water import HighWater, Mark
from agent.spool import Spool, SpoolUnavailable
from agent.spool_refuge import RETRY_SECONDS, SpoolWithRefuge
from rabbitmq.records import AnyRecord
from tests.unit.agent.spools import SMALLEST_BOUND_BYTES, decoded, losses, named, statement
from tests.unit.agent.stamping import goodbye, snapshot_of, stamper


class Bench:
    """A spool with a refuge, on a disk and a clock in the hand of the test."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.file = folder / "spool.sqlite3"
        self.now = 1000.0
        self._monkeypatch = monkeypatch
        self.open()

    def open(self) -> None:
        self.spool = SpoolWithRefuge(self.file, stamper(), bound_bytes=SMALLEST_BOUND_BYTES, clock=lambda: self.now)

    def refuse(self) -> None:
        def refused(*_arguments: object, **_keywords: object) -> None:
            raise OSError("Input/output error")

        self._monkeypatch.setattr("agent.spool.open_rows", refused)
        with suppress(sqlite3.ProgrammingError):  # closed already
            self.spool._active._rows.database.execute("PRAGMA query_only = ON")

    def mend(self) -> None:
        self._monkeypatch.undo()
        self.now += RETRY_SECONDS

    def drain(self) -> list[AnyRecord]:
        found: list[AnyRecord] = []
        while batch := self.spool.take_oldest(100, 1 << 20):
            found.extend(decoded(row.body) for row in batch.rows)
        return found


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    one = Bench(tmp_path, monkeypatch)
    yield one
    one.spool.close()


def test_it_goes_on_in_an_epoch_of_memory_and_says_what_the_disk_said(bench: Bench) -> None:
    bench.spool.append(goodbye)
    before = bench.spool.epoch
    assert bench.spool.errors == {}
    bench.refuse()
    assert bench.spool.append(goodbye) == 1
    assert bench.spool.epoch > before
    assert is_of_memory(bench.spool.epoch)
    assert not is_of_memory(before)
    assert "readonly" in bench.spool.errors["spool"]
    assert "Free or repair the disk" in bench.spool.errors["spool"]


def test_the_instance_stays_the_one_of_this_start(bench: Bench) -> None:
    bench.spool.append(goodbye)
    instance = bench.spool._active.instance
    bench.refuse()
    bench.spool.append(goodbye)
    assert bench.spool._active.instance == instance
    bench.mend()
    bench.spool.append(goodbye)
    assert bench.spool._active.instance == instance


def test_what_memory_kept_moves_to_the_disk_and_a_new_epoch_begins(bench: Bench) -> None:
    bench.spool.append(goodbye)
    disk_epoch = bench.spool.epoch
    bench.refuse()
    for _ in range(3):
        bench.spool.append(goodbye)
    memory_epoch = bench.spool.epoch
    bench.spool.settle(statement(memory_epoch, 3, 1))
    bench.mend()
    assert bench.spool.append(goodbye) == 1
    assert bench.spool.epoch > memory_epoch
    assert bench.spool.errors == {}
    bench.spool.close()
    bench.open()
    numbers = [(record.epoch, record.seq) for record in bench.drain()]
    assert numbers == [(disk_epoch, 1), (memory_epoch, 2), (memory_epoch, 3), (bench.spool.epoch, 1)]


def test_the_disk_is_not_tried_with_every_record(bench: Bench) -> None:
    bench.refuse()
    bench.spool.append(goodbye)
    bench.mend()
    bench.now -= 1
    bench.spool.append(goodbye)
    assert bench.spool.errors
    bench.now += 1
    bench.spool.append(goodbye)
    assert not bench.spool.errors


def test_a_start_while_the_disk_refuses_goes_on_above_what_is_known(bench: Bench) -> None:
    bench.spool.append(goodbye)
    before = bench.spool.epoch
    bench.spool.close()
    bench.refuse()
    bench.open()
    bench.spool.append(goodbye)
    assert is_of_memory(bench.spool.epoch)
    assert bench.spool.epoch > before
    assert "Input/output error" in bench.spool.trouble
    bench.mend()
    bench.spool.append(goodbye)
    assert len(bench.drain()) == 3


def test_a_stop_saves_what_memory_kept_when_the_disk_is_back(bench: Bench) -> None:
    bench.refuse()
    bench.spool.append(goodbye)
    number = (bench.spool.epoch, 1)
    bench.mend()
    bench.spool.close()
    bench.open()
    assert number in {(record.epoch, record.seq) for record in bench.drain()}


def test_an_answer_for_a_record_on_the_disk_meets_none_in_memory(bench: Bench) -> None:
    bench.spool.append(goodbye)
    batch = bench.spool.take_oldest(1, 1)
    assert batch
    bench.refuse()
    bench.spool.append(goodbye)
    bench.spool.confirm(batch.positions)
    bench.spool.put_back(batch.positions)
    assert (bench.spool.count, bench.spool.waiting_count) == (1, 1)


def test_statements_of_records_on_the_disk_wait_for_the_disk(bench: Bench) -> None:
    bench.spool.append(goodbye)
    epoch = bench.spool.epoch
    bench.refuse()
    bench.spool.append(goodbye)
    bench.spool.settle(statement(epoch, 1, 0, [(1, 1)]))
    assert losses(bench.drain()) == []


def test_a_statement_that_finds_the_disk_refusing_releases_nothing(bench: Bench) -> None:
    for _ in range(5):
        bench.spool.append(goodbye)
    before = bench.spool.epoch
    bench.drain()
    bench.refuse()
    bench.spool.settle(statement(before, 9, 0, [(1, 5)]))
    assert bench.spool.errors
    assert bench.drain() == []


def test_a_start_in_memory_goes_on_above_what_the_hub_knows(bench: Bench) -> None:
    bench.refuse()
    bench.spool.close()
    bench.file.with_name("epoch-counter").unlink()
    bench.file.with_name("high-water").unlink()
    bench.open()
    known = bench.spool.epoch + (8 << 32)
    bench.spool.settle(statement(known, 9))
    assert bench.spool.epoch > known
    assert is_of_memory(bench.spool.epoch)


def test_what_was_named_as_lost_stays_counted(bench: Bench) -> None:
    bench.spool.append(snapshot_of(400_000))
    bench.refuse()
    bench.spool.append(goodbye)
    assert bench.spool.lost_count == 1
    bench.mend()
    bench.spool.append(goodbye)
    assert bench.spool.lost_count == 1


def test_records_that_moved_to_the_disk_are_not_moved_twice(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.spool.append(goodbye)
    bench.refuse()
    bench.spool.append(goodbye)
    bench.mend()
    write, calls = HighWater.write, []

    def refused_once(high_water: HighWater, mark: Mark) -> None:
        calls.append(mark)
        if len(calls) == 2:  # the first is of opening, this one follows the commit
            raise OSError("Input/output error")
        write(high_water, mark)

    monkeypatch.setattr(HighWater, "write", refused_once)
    bench.spool.append(goodbye)
    assert bench.spool.errors
    bench.now += RETRY_SECONDS
    bench.spool.append(goodbye)
    numbers = [(record.epoch, record.seq) for record in bench.drain()]
    assert len(numbers) == len(set(numbers)) == 4
    bench.spool.close()
    bench.open()
    assert list(bench.file.parent.glob("*.corrupt-*")) == []


def test_sending_goes_on_while_a_slow_disk_is_opened(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.refuse()
    bench.spool.append(goodbye)
    bench.now += RETRY_SECONDS
    is_opening, may_refuse, is_drained = Event(), Event(), Event()

    def slow(*_arguments: object, **_keywords: object) -> None:
        is_opening.set()
        may_refuse.wait()
        raise OSError("Input/output error")

    def send() -> None:
        bench.drain()
        is_drained.set()

    monkeypatch.setattr("agent.spool.open_rows", slow)
    collector, publisher = Thread(target=lambda: bench.spool.append(goodbye)), Thread(target=send)
    collector.start()
    is_opening.wait()
    publisher.start()
    went_on = is_drained.wait(10)
    may_refuse.set()
    collector.join()
    publisher.join()
    assert went_on


def test_memory_is_bounded_and_names_what_it_drops(bench: Bench) -> None:
    bench.refuse()
    for _ in range(600):
        bench.spool.append(snapshot_of(6000))
    epoch, last_seq = bench.spool.epoch, bench.spool.last_seq
    assert bench.spool._active.size_bytes <= 2 << 20
    records = bench.drain()
    kept = {(record.epoch, record.seq) for record in records}
    assert named(losses(records)) | kept == {(epoch, seq) for seq in range(1, last_seq + 1)}


def test_a_full_disk_spool_gives_way_to_what_memory_kept(bench: Bench) -> None:
    for _ in range(200):
        bench.spool.append(snapshot_of(6000))
    bench.refuse()
    for _ in range(50):
        bench.spool.append(snapshot_of(6000))
    bench.mend()
    bench.spool.append(goodbye)
    assert bench.spool.errors == {}


def test_a_disk_that_cannot_be_read_is_left_for_memory(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.spool.append(goodbye)

    def refused(*_arguments: object) -> None:
        raise SpoolUnavailable("disk I/O error")

    monkeypatch.setattr(bench.spool._active, "take_oldest", refused)
    assert bench.spool.take_oldest(1, 1) is None
    assert "disk I/O error" in bench.spool.trouble


def test_a_spool_in_memory_has_an_epoch_above_earlier_ones() -> None:
    spool = Spool.in_memory(stamper())
    spool.append(goodbye)
    assert is_of_memory(spool.epoch)
    assert spool.count == 1
    spool.settle(statement(spool.epoch, 5))
    assert (is_of_memory(spool.epoch), spool.last_seq, spool.count) == (True, 1, 2)
    spool.close()
