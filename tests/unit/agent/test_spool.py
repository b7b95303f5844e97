"""The spool keeps every unconfirmed record, whenever it is closed, killed, damaged or full."""

import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from agent.spool import FLUSH_AT, Spool, SpoolUnavailable
from agent.stamp import Stamp
from agent.status import write_status
from rabbitmq.records import AnyRecord, Loss, Record, Snapshot
from tests.unit.agent.stamping import WALL_SECONDS, goodbye, snapshot_of, stamper
from tests.unit.agent.test_status import GOOD

SMALLEST_BOUND_BYTES = 1024 * 1024


def open_spool(folder: Path, bound_bytes: int = SMALLEST_BOUND_BYTES) -> Spool:
    return Spool(folder / "spool.sqlite3", stamper(), bound_bytes=bound_bytes)


def crash(spool: Spool) -> None:
    """What a killed process does: the file is let go, nothing is written."""
    spool._database.close()


def drain(spool: Spool) -> list[tuple[int, AnyRecord]]:
    """All that waits, oldest first, left in flight."""
    found: list[tuple[int, AnyRecord]] = []
    while batch := spool.take_oldest(100, 1 << 20):
        found.extend((seq, msgspec.json.decode(body, type=AnyRecord)) for seq, body in batch)
    return found


class SpoolMachine(RuleBasedStateMachine):
    """Against a model of three sets, with a restart or a crash at any point."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.spool = open_spool(Path(self.folder.name))
        self.epoch = self.spool.epoch
        self.last_seq = 0
        self.waiting: set[int] = set()
        self.in_flight: set[int] = set()
        self.unflushed: set[int] = set()  # confirmed, may come back after a crash

    @rule()
    def append(self) -> None:
        assert self.spool.append(goodbye) == self.last_seq + 1
        self.last_seq += 1
        self.waiting.add(self.last_seq)
        self.unflushed.clear()

    @rule()
    def append_that_fails(self) -> None:
        def broken(stamp: Stamp) -> Record:
            raise ArithmeticError(stamp["seq"])

        with pytest.raises(ArithmeticError):
            self.spool.append(broken)

    @rule()
    def take_newest(self) -> None:
        taken = self.spool.take_newest()
        assert (taken[0] if taken else None) == (self.last_seq if self.last_seq in self.waiting else None)
        if taken:
            self._taken({taken[0]})

    @rule(limit=st.integers(1, 4), max_bytes=st.sampled_from([1, 400, 100_000]))
    def take_oldest(self, limit: int, max_bytes: int) -> None:
        taken = self.spool.take_oldest(limit, max_bytes)
        seqs = [seq for seq, _ in taken]
        assert seqs == sorted(self.waiting)[: len(seqs)]
        assert len(seqs) <= limit
        assert len(seqs) == 1 or sum(len(body) for _, body in taken) <= max_bytes
        assert bool(seqs) == bool(self.waiting)
        self._taken(set(seqs))

    @rule(data=st.data())
    def confirm(self, data: st.DataObject) -> None:
        seqs = data.draw(st.sets(st.sampled_from(sorted(self.in_flight) or [999])))
        self.spool.confirm(seqs)
        self.unflushed |= self.in_flight & seqs
        self.in_flight -= seqs

    @rule(data=st.data())
    def put_back(self, data: st.DataObject) -> None:
        seqs = data.draw(st.sets(st.sampled_from(sorted(self.in_flight) or [999])))
        self.spool.put_back(seqs)
        self.waiting |= self.in_flight & seqs
        self.in_flight -= seqs

    @rule(is_crash=st.booleans())
    def reopen(self, is_crash: bool) -> None:
        if is_crash:
            crash(self.spool)
            self.waiting |= self.unflushed  # sent a second time, which is harmless
        else:
            self.spool.close()
        self.spool = open_spool(Path(self.folder.name))
        self.waiting |= self.in_flight
        self.in_flight.clear()
        self.unflushed.clear()

    @invariant()
    def nothing_unconfirmed_is_gone(self) -> None:
        kept = self.waiting | self.in_flight
        assert self.spool.count == len(kept)
        assert self.spool.waiting_count == len(self.waiting)
        assert self.spool.oldest_seq == min(kept, default=None)

    @invariant()
    def numbers_go_on(self) -> None:
        assert self.spool.last_seq == self.last_seq
        assert self.spool.epoch == self.epoch

    def teardown(self) -> None:
        self.spool.close()
        self.folder.cleanup()

    def _taken(self, seqs: set[int]) -> None:
        self.in_flight |= seqs
        self.waiting -= seqs


TestSpoolMachine = SpoolMachine.TestCase
TestSpoolMachine.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_a_number_is_never_used_again_even_when_all_is_sent(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append(goodbye)
    spool.confirm([seq for seq, _ in drain(spool)])
    spool.close()
    spool = open_spool(tmp_path)
    assert spool.count == 0
    assert spool.append(goodbye) == 2
    spool.close()


def test_records_carry_their_number_and_the_spools_epoch(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append(snapshot_of(100))
    ((seq, record),) = drain(spool)
    assert (record.epoch, record.seq, record.wall_seconds) == (spool.epoch, seq, WALL_SECONDS)
    spool.close()


@pytest.mark.parametrize("damage", [b"", b"SQLite format 3\x00 and then nothing", b"\x00" * 8192])
def test_a_lost_or_damaged_spool_opens_a_higher_epoch(tmp_path: Path, damage: bytes) -> None:
    spool = open_spool(tmp_path)
    before = spool.epoch
    spool.append(goodbye)
    spool.close()
    file = tmp_path / "spool.sqlite3"
    file.unlink() if not damage else file.write_bytes(damage)
    spool = open_spool(tmp_path)
    assert spool.epoch >> 32 == (before >> 32) + 1
    assert spool.epoch < 2**53
    assert spool.append(goodbye) == 1
    spool.close()


def test_a_damaged_spool_is_set_aside_whole(tmp_path: Path) -> None:
    (tmp_path / "spool.sqlite3").write_bytes(b"no database at all" * 100)
    spool = open_spool(tmp_path)
    assert spool.damaged_file is not None
    assert spool.damaged_file.read_bytes() == b"no database at all" * 100
    assert spool.damaged_file.name.startswith("spool.sqlite3.corrupt-")
    spool.close()


@pytest.mark.parametrize("size_bytes", [3000, 20_000])
def test_a_page_damaged_in_the_middle_is_noticed_when_opening(tmp_path: Path, size_bytes: int) -> None:
    spool = open_spool(tmp_path)
    for _ in range(30):
        spool.append(snapshot_of(size_bytes))
    spool.close()
    with (tmp_path / "spool.sqlite3").open("r+b") as file:
        file.seek(4096 * 20)  # a record's own page, or the middle of a long record
        file.write(b"\xff" * 4)
    spool = open_spool(tmp_path)
    assert spool.damaged_file is not None
    assert spool.count == 0
    spool.close()


def damage_a_page(file: Path) -> None:
    with file.open("r+b") as stream:
        stream.seek(4096 * 20)
        stream.write(b"\xff" * 4)


def destroy(file: Path) -> None:
    file.write_bytes(b"no database at all" * 100)


def loss_of(spool: Spool) -> Loss:
    ((seq, loss), (other_seq, _)) = drain(spool)
    assert (seq, other_seq) == (1, 2)
    assert isinstance(loss, Loss)
    return loss


def test_what_a_damaged_spool_held_is_named_by_the_first_record_of_the_next(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    for _ in range(30):
        spool.append(snapshot_of(3000))
    before = spool.epoch
    spool.close()
    damage_a_page(tmp_path / "spool.sqlite3")
    spool = open_spool(tmp_path)
    assert spool.append(goodbye) == 2
    loss = loss_of(spool)
    assert (loss.reason, loss.lost_epoch, loss.first_seq, loss.last_seq) == ("corrupt", before, 1, 30)
    assert 1 <= loss.count <= 30
    assert spool.lost_count == loss.count
    assert spool.append(goodbye) == 3
    spool.close()
    spool = open_spool(tmp_path)
    assert (spool.damaged_file, spool.predecessor) == (None, None)
    spool.close()


def test_the_status_tells_what_a_destroyed_spool_held(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    write_status(tmp_path, msgspec.structs.replace(GOOD, epoch=spool.epoch, last_seq=41, waiting=7))
    before = spool.epoch
    spool.close()
    destroy(tmp_path / "spool.sqlite3")
    spool = open_spool(tmp_path)
    spool.append(goodbye)
    loss = loss_of(spool)
    assert (loss.lost_epoch, loss.first_seq, loss.last_seq, loss.count) == (before, 1, 41, 7)
    spool.close()


def test_numbers_of_another_epoch_name_nothing(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append(goodbye)
    before = spool.epoch
    spool.close()
    write_status(tmp_path, msgspec.structs.replace(GOOD, epoch=before - 1, last_seq=41, waiting=7))
    (tmp_path / "spool.sqlite3").rename(tmp_path / "spool.sqlite3.corrupt-1")
    spool = open_spool(tmp_path)
    spool.append(goodbye)
    loss = loss_of(spool)
    assert (loss.lost_epoch, loss.last_seq, loss.count) == (before, 1, 1)
    spool.close()


def test_the_damaged_spool_is_still_named_after_a_disk_that_refused_and_a_crash(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    write_status(tmp_path, msgspec.structs.replace(GOOD, epoch=spool.epoch, last_seq=41, waiting=7))
    spool.close()
    destroy(tmp_path / "spool.sqlite3")
    spool = open_spool(tmp_path)
    spool._database.execute("PRAGMA query_only = ON")
    with pytest.raises(SpoolUnavailable):
        spool.append(goodbye)
    crash(spool)
    spool = open_spool(tmp_path)
    spool.append(goodbye)
    assert loss_of(spool).last_seq == 41
    spool.close()


def test_a_destroyed_spool_of_which_nothing_is_known_names_nothing(tmp_path: Path) -> None:
    destroy(tmp_path / "spool.sqlite3")
    spool = open_spool(tmp_path)
    assert spool.damaged_file is not None
    assert spool.predecessor is None
    assert spool.append(goodbye) == 1
    spool.close()


def test_a_full_spool_gives_up_its_oldest_snapshots_and_names_each(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append(goodbye)
    in_flight = {seq for seq, _ in spool.take_oldest(1, 1)}
    for _ in range(400):
        spool.append(snapshot_of(6000))
    assert spool.size_bytes <= SMALLEST_BOUND_BYTES
    assert spool.lost_count > 0
    last_seq, lost_count = spool.last_seq, spool.lost_count
    spool.close()

    spool = open_spool(tmp_path)
    kept = dict(drain(spool))
    losses = [record for record in kept.values() if isinstance(record, Loss)]
    named = {seq for loss in losses for seq in range(loss.first_seq, loss.last_seq + 1)}
    assert in_flight <= kept.keys()
    assert not named & kept.keys()
    assert named | kept.keys() == set(range(1, last_seq + 1))
    assert sum(loss.count for loss in losses) == len(named) == lost_count
    assert {(loss.reason, loss.lost_epoch) for loss in losses} == {("full", spool.epoch)}
    assert max(named) < min(seq for seq, record in kept.items() if isinstance(record, Snapshot))
    assert len(losses) < len(named) / 3
    spool.close()


def test_a_record_in_flight_is_never_given_up(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    for _ in range(10):
        spool.append(snapshot_of(6000))
    taken = [seq for seq, _ in spool.take_oldest(4, 1 << 20)]
    for _ in range(400):
        spool.append(snapshot_of(6000))
    spool.put_back(taken)
    assert [seq for seq, _ in spool.take_oldest(4, 1 << 20)] == taken == [1, 2, 3, 4]
    spool.close()


def test_what_is_larger_than_a_record_may_be_is_named_as_lost(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    assert spool.append(snapshot_of(400_000)) == 2
    ((seq, loss),) = drain(spool)
    assert isinstance(loss, Loss)
    assert (seq, loss.first_seq, loss.last_seq, loss.reason) == (2, 1, 1, "oversize")
    spool.close()


def test_many_confirms_leave_the_disk_without_an_append(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, bound_bytes=8 << 20)
    for _ in range(FLUSH_AT):
        spool.append(goodbye)
    spool.confirm([seq for seq, _ in drain(spool)])
    crash(spool)
    spool = open_spool(tmp_path, bound_bytes=8 << 20)
    assert spool.count == 0
    spool.close()


def test_a_disk_that_refuses_costs_no_number(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append(goodbye)
    spool._database.execute("PRAGMA query_only = ON")
    with pytest.raises(SpoolUnavailable):
        spool.append(goodbye)
    spool._database.execute("PRAGMA query_only = OFF")
    assert spool.append(goodbye) == 2
    assert spool.count == 2
    spool.close()


def test_a_disk_that_refuses_to_forget_stops_nobody(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append(goodbye)
    spool.confirm([seq for seq, _ in drain(spool)])
    spool._database.execute("PRAGMA query_only = ON")
    spool.close()
    spool = open_spool(tmp_path)
    assert [seq for seq, _ in drain(spool)] == [1]
    spool.close()


def test_a_spool_has_one_owner(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    with pytest.raises(SpoolUnavailable, match="locked"):
        open_spool(tmp_path)
    spool.close()


def test_it_is_open_the_way_a_full_disk_needs(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    pragmas = ("journal_mode", "locking_mode", "synchronous", "temp_store", "max_page_count")
    values = [spool._database.execute(f"PRAGMA {name}").fetchone()[0] for name in pragmas]
    assert values == ["persist", "exclusive", 2, 2, SMALLEST_BOUND_BYTES // 4096]
    spool.close()
