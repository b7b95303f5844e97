"""Whatever is done to a spool's files: it starts, names a bounded gap, gives no number twice, and goes on."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from agent.spool import Spool
from agent.spool_file import log_of
from agent.stamp import Stamper
from agent.status import write_status
from rabbitmq.records import AnyRecord
from tests.unit.agent.spools import SMALLEST_BOUND_BYTES, crash, drain, kept_in, losses, named, open_spool, statement
from tests.unit.agent.stamping import AGENT_ID, goodbye, snapshot_of
from tests.unit.agent.test_status import GOOD

COUNT = 120
PAGE_BYTES = 4096

Damage = Callable[[Path], None]


def write_at(offset: int, content: bytes) -> Damage:
    def damage(spool: Path) -> None:
        with spool.open("r+b") as stream:
            stream.seek(offset)
            stream.write(content)

    return damage


def page_of(spool: Path, seq: int) -> int:
    """Where the page begins in which the body of this record begins."""
    return spool.read_bytes().index(b'"seq":%d,' % seq) // PAGE_BYTES * PAGE_BYTES


def write_at_record(seq: int, content: bytes, *, within_page: int = 0) -> Damage:
    return lambda spool: write_at(page_of(spool, seq) + within_page, content)(spool)


def flip_a_record(spool: Path) -> None:
    write_at(spool.read_bytes().index(b'"seq":60,') + 30, b"\x00\x01\x02")(spool)


def cut_to(size_bytes: int) -> Damage:
    return lambda spool: os.truncate(spool, size_bytes)


def fill(content: bytes) -> Damage:
    def damage(spool: Path) -> None:
        spool.write_bytes(content)

    return damage


def delete(spool: Path) -> None:
    spool.unlink()


def delete_with_log(spool: Path) -> None:
    spool.unlink()
    log_of(spool).unlink()


def folder_in_its_place(spool: Path) -> None:
    spool.unlink()
    spool.mkdir()
    (spool / "a file").write_text("somebody's")


def log(damage: Damage) -> Damage:
    return lambda spool: damage(log_of(spool))


def folder_for_a_log(spool: Path) -> None:
    log_of(spool).unlink()
    log_of(spool).mkdir()


def flip_the_log_of_a_record_at(spool: Path, text: bytes) -> None:
    write_at(log_of(spool).read_bytes().rindex(text), b"\x00\x01\x02")(log_of(spool))


def flip_the_log_of_a_record(spool: Path) -> None:
    """After a stop the log is read no more; what was in it is in the file."""
    flip_the_log_of_a_record_at(spool, b'"seq":110,')


def log_of_another_spool(spool: Path) -> None:
    other = spool.parent / "other"
    other.mkdir()
    stranger = open_spool(other)
    stranger.append(goodbye)
    crash(stranger)
    shutil.copy(log_of(other / spool.name), log_of(spool))


def file_older_than_its_log(spool: Path) -> None:
    """A backup of the file alone, put back under the log of now."""
    before = spool.read_bytes()
    later = open_spool(spool.parent)
    for _ in range(9):
        later.append(snapshot_of(5000))
    crash(later)
    spool.write_bytes(before)


def foreign_file(spool: Path) -> None:
    spool.unlink()
    with closing(sqlite3.connect(spool)) as database:
        database.executescript("CREATE TABLE cookies (name TEXT); INSERT INTO cookies VALUES ('a');")


def foreign_tables_of_our_names(spool: Path) -> None:
    spool.unlink()
    with closing(sqlite3.connect(spool)) as database:
        database.executescript("CREATE TABLE record (x); CREATE TABLE life (y); INSERT INTO life VALUES ('z');")


def sql(script: str) -> Damage:
    def damage(spool: Path) -> None:
        with closing(sqlite3.connect(spool)) as database:
            database.executescript(script)

    return damage


def another_page_size(spool: Path) -> None:
    sql("PRAGMA journal_mode = DELETE; PRAGMA page_size = 1024; VACUUM;")(spool)


def rollback_mode(spool: Path) -> None:
    sql("PRAGMA journal_mode = PERSIST; UPDATE record SET rank = rank;")(spool)


def high_water(content: bytes | None) -> Damage:
    def damage(spool: Path) -> None:
        file = spool.with_name("high-water")
        file.unlink() if content is None else file.write_bytes(content)

    return damage


def high_water_of_a_later_epoch(spool: Path) -> None:
    shutil.rmtree(spool.parent / "other", ignore_errors=True)
    other = spool.parent / "other"
    other.mkdir()
    shutil.copy(spool.parent / "epoch-counter", other)
    later = open_spool(other)
    later.append(goodbye)
    later.close()
    shutil.copy(other / "high-water", spool.parent)


def folder_for_a_high_water(spool: Path) -> None:
    spool.with_name("high-water").unlink()
    spool.with_name("high-water").mkdir()


def counter_too(damage: Damage) -> Damage:
    def both(spool: Path) -> None:
        damage(spool)
        spool.with_name("epoch-counter").write_bytes(b"\x00\xff")

    return both


CASES: dict[str, Damage] = {
    "the header is zeroed": write_at(0, bytes(100)),
    "the header is flipped": write_at(16, b"\xff\xff"),
    "the magic is another": write_at(0, b"SQLite format 4\x00"),
    "the schema page is zeroed": write_at(100, bytes(PAGE_BYTES - 100)),
    "the page of numbers is zeroed": write_at(2 * PAGE_BYTES, bytes(PAGE_BYTES)),
    "the page of lives is zeroed": write_at(3 * PAGE_BYTES, bytes(PAGE_BYTES)),
    "the root of the records is zeroed": write_at(PAGE_BYTES, bytes(PAGE_BYTES)),
    "a page of records is zeroed": write_at_record(60, bytes(PAGE_BYTES)),
    "a page of records is flipped": write_at_record(60, b"\xff" * 4),
    "many pages are random": write_at_record(60, os.urandom(9 * PAGE_BYTES)),
    "bytes of a record are flipped": flip_a_record,
    "cut in the middle of a page": cut_to(30 * PAGE_BYTES + 77),
    "cut after the first page": cut_to(PAGE_BYTES),
    "cut within the header": cut_to(50),
    "empty": cut_to(0),
    "all zeros": fill(bytes(100_000)),
    "text": fill(b"no database at all" * 1000),
    "a magic and nothing more": fill(b"SQLite format 3\x00 and then nothing"),
    "deleted": delete,
    "deleted with its log": delete_with_log,
    "a folder in its place": folder_in_its_place,
    "a folder for a log": folder_for_a_log,
    "garbage for a log": log(fill(b"\xff" * 20_000)),
    "an empty log": log(cut_to(0)),
    "no log": log(delete),
    "a log cut in the middle of a page": log(cut_to(70_077)),
    "a log cut after its header": log(cut_to(32)),
    "a log whose header is zeroed": log(write_at(0, bytes(32))),
    "a log whose header is flipped": log(write_at(16, b"\xff\xff")),
    "bytes in the log are flipped": flip_the_log_of_a_record,
    "the log of another spool": log_of_another_spool,
    "a file older than its log": file_older_than_its_log,
    "another program's file": foreign_file,
    "another program's tables of our names": foreign_tables_of_our_names,
    "another page size": another_page_size,
    "turned into rollback mode": rollback_mode,
    "no life": sql("DELETE FROM life"),
    "a life of words": sql("UPDATE life SET epoch = 'long ago'"),
    "two lives of one epoch": sql("INSERT INTO life SELECT * FROM life"),
    "records below the first life": sql("UPDATE life SET base = 1000000"),
    "a record of another type": sql("UPDATE record SET body = 7 WHERE position = 60"),
    "the oldest record is a number": sql("UPDATE record SET body = 7 WHERE position = 1"),
    "a record of broken text": sql("UPDATE record SET body = CAST(x'22ff22' AS TEXT) WHERE position = 1"),
    "a loss of broken text": sql(
        """UPDATE record SET rank = 0, body = x'7b226167656e745f6964223a22ff227d' WHERE position = 60"""
    ),
    "the last number is forgotten": sql("UPDATE sqlite_sequence SET seq = 2"),
    "the last number is a word": sql("UPDATE sqlite_sequence SET seq = 'many'"),
    "an epoch ends before its records": sql(
        "UPDATE life SET last_seq = 2; INSERT INTO life VALUES (9 << 32, 200, NULL)"
    ),
    "epochs that overlap": sql("UPDATE life SET last_seq = 150; INSERT INTO life VALUES (9 << 32, 60, NULL)"),
    "a table is gone": sql("DROP TABLE record"),
    "no high water": high_water(None),
    "high water empty": high_water(b""),
    "high water flipped": high_water(b"00000000 {}"),
    "high water of a later epoch": high_water_of_a_later_epoch,
    "a folder for the high water": folder_for_a_high_water,
    "text, and no counter": counter_too(fill(b"no database at all" * 1000)),
    "deleted, and no counter": counter_too(delete),
}


@pytest.fixture(scope="module", params=[False, True], ids=["after a stop", "after a kill"])
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a spool with records, to be copied."""
    folder = tmp_path_factory.mktemp("filled")
    spool = open_spool(folder)
    for number in range(COUNT):
        spool.append(snapshot_of(1000 if number % 3 else 6000))
    crash(spool) if request.param else spool.close()
    return folder


@pytest.mark.parametrize("case", CASES)
def test_it_starts_names_a_bounded_gap_and_goes_on(filled: Path, tmp_path: Path, case: str) -> None:
    shutil.copytree(filled, tmp_path, dirs_exist_ok=True)
    (before,) = {epoch for epoch, _ in kept_in(tmp_path / "spool.sqlite3")}
    CASES[case](tmp_path / "spool.sqlite3")

    spool = open_spool(tmp_path)
    new_seq = spool.append(goodbye)
    assert spool.epoch > before or (spool.epoch == before and new_seq > COUNT)
    kept = {(record.epoch, record.seq) for record in drain(spool)}
    told = named(losses(drain_again(spool)))
    assert kept | told >= {(before, seq) for seq in range(1, COUNT + 1)}
    assert len({number for number in told if number[0] == before}) <= COUNT + 1000
    epoch, last_seq = spool.epoch, spool.last_seq
    spool.close()

    spool = open_spool(tmp_path)
    assert (spool.epoch, spool.append(goodbye)) == (epoch, last_seq + 1)
    spool.close()


def drain_again(spool: Spool) -> list[AnyRecord]:
    for position in list(spool._rows.state.in_flight):
        spool.put_back([position])
    return drain(spool)


def test_readable_rows_of_a_damaged_spool_are_sent_under_their_own_numbers(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    for _ in range(60):
        spool.append(snapshot_of(3000))
    before = {(record.epoch, record.seq): record for record in drain(spool)}
    spool.close()
    write_at_record(30, bytes(PAGE_BYTES))(tmp_path / "spool.sqlite3")
    spool = open_spool(tmp_path)
    kept = {(record.epoch, record.seq): record for record in drain(spool)}
    (loss,) = losses(kept.values())
    saved = before.keys() & kept.keys()
    assert len(saved) > 40
    assert all(kept[number] == before[number] for number in saved)
    assert loss.count == len(before) - len(saved) > 0
    assert len(list(tmp_path.glob("spool.sqlite3.corrupt-[0-9]*"))) == 1
    spool.close()


def test_a_start_that_was_killed_while_it_saved_saves_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = open_spool(tmp_path)
    for _ in range(60):
        spool.append(snapshot_of(3000))
    spool.close()
    write_at_record(30, bytes(PAGE_BYTES))(tmp_path / "spool.sqlite3")
    with monkeypatch.context() as patch:
        patch.setattr("agent.spool_open.open_epoch", _killed)
        with pytest.raises(KeyboardInterrupt):
            open_spool(tmp_path)
    spool = open_spool(tmp_path)
    assert spool.count > 40
    spool.close()


def _killed(*_arguments: object, **_keywords: object) -> int:
    raise KeyboardInterrupt


def test_the_status_tells_of_a_spool_that_nothing_else_tells_of(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    write_status(tmp_path, msgspec.structs.replace(GOOD, epoch=spool.epoch, last_seq=41))
    before = spool.epoch
    spool.close()
    (tmp_path / "spool.sqlite3").write_bytes(b"no database at all" * 100)
    (tmp_path / "high-water").unlink()
    spool = open_spool(tmp_path)
    (loss,) = losses(drain(spool))
    assert (loss.lost_epoch, loss.first_seq, loss.last_seq) == (before, 1, 41)
    spool.close()


def test_after_a_power_cut_the_reserved_numbers_are_named(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    for _ in range(3):
        spool.append(goodbye)
    crash(spool)
    (tmp_path / "spool.sqlite3").unlink()
    stamper = Stamper(AGENT_ID, "boot-2", wall_clock=lambda: 0.0, boot_clock=lambda: 0.0)
    spool = Spool(tmp_path / "spool.sqlite3", stamper, bound_bytes=SMALLEST_BOUND_BYTES)
    (loss,) = losses(drain(spool))
    assert (loss.first_seq, loss.last_seq) == (1, 1000)
    spool.close()


def test_only_what_was_not_settled_is_named(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    for _ in range(9):
        spool.append(goodbye)
    spool.settle(statement(spool.epoch, 9, 6))
    spool.append(goodbye)
    crash(spool)
    (tmp_path / "spool.sqlite3").unlink()
    spool = open_spool(tmp_path)
    (loss,) = losses(drain(spool))
    assert (loss.first_seq, loss.last_seq, loss.count) == (7, 10, 4)
    spool.close()


def test_a_page_that_is_damaged_while_the_spool_is_open_costs_its_records_alone(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    for _ in range(20):
        spool.append(goodbye)
    spool._rows.database.execute("UPDATE record SET body = zeroblob(100) WHERE position IN (3, 4, 9)")
    spool._rows.database.execute("DELETE FROM record WHERE position = 12")
    records = drain(spool)
    assert {record.seq for record in records} == set(range(1, 24)) - {3, 4, 9, 12}
    assert {seq for _, seq in named(losses(records))} == {3, 4, 9, 12}
    assert {loss.reason for loss in losses(records)} == {"corrupt"}
    spool.close()


def test_a_bad_disk_does_not_fill_with_what_was_set_aside(tmp_path: Path) -> None:
    for _ in range(5):
        spool = open_spool(tmp_path)
        spool.append(goodbye)
        spool.close()
        (tmp_path / "spool.sqlite3").write_bytes(b"no database at all" * 100)
    open_spool(tmp_path).close()
    assert len(list(tmp_path.glob("spool.sqlite3.corrupt-[0-9]*"))) == 3
