"""The spool keeps every record until the hub has settled it, and tells how far its numbers have come."""

from pathlib import Path

import pytest

from agent.spool import SpoolUnavailable
from agent.spool_file import LOG_BYTES, PAGE_BYTES, SPARE_PAGES, log_of
from rabbitmq.records import Loss
from tests.unit.agent.spools import (
    SMALLEST_BOUND_BYTES,
    confirm_all,
    crash,
    drain,
    drained_seqs,
    losses,
    open_spool,
    statement,
)
from tests.unit.agent.stamping import WALL_SECONDS, goodbye, snapshot_of


def test_a_number_is_never_used_again_even_when_all_is_settled(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    for _ in range(3):
        spool.append(goodbye)
    spool.settle(statement(spool.epoch, 3, 3))
    spool.append(goodbye)
    spool.settle(statement(spool.epoch, 4, 4))
    spool.append(goodbye)
    assert spool.kept_count == 1
    spool.close()
    spool = open_spool(tmp_path)
    assert spool.append(goodbye) == 6
    spool.close()


def test_records_carry_their_number_and_the_spools_epoch(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append(snapshot_of(100))
    (record,) = drain(spool)
    assert (record.epoch, record.seq, record.wall_seconds) == (spool.epoch, 1, WALL_SECONDS)
    spool.close()


def test_what_is_not_settled_is_sent_again_after_a_restart(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    for _ in range(5):
        spool.append(goodbye)
    confirm_all(spool)
    assert (spool.count, spool.kept_count) == (0, 5)
    spool.settle(statement(spool.epoch, 5, 2))
    spool.append(goodbye)
    crash(spool)
    spool = open_spool(tmp_path)
    assert drained_seqs(spool) == [3, 4, 5, 6]
    spool.close()


def test_a_statement_costs_no_commit_of_its_own(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    for _ in range(5):
        spool.append(goodbye)
    confirm_all(spool)
    before = spool._rows.database.total_changes
    spool.settle(statement(spool.epoch, 5, 4, [(5, 5)]))
    assert spool._rows.database.total_changes == before
    assert drained_seqs(spool) == [5]
    spool.close()


def test_what_is_missing_and_not_kept_is_named_once(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    for _ in range(6):
        spool.append(goodbye)
    confirm_all(spool)
    spool.settle(statement(spool.epoch, 6, 4))
    spool.append(goodbye)
    ask = statement(spool.epoch, 6, 0, [(2, 5)])
    spool.settle(ask)
    spool.settle(ask)
    records = drain(spool)
    assert [record.seq for record in records] == [5, 7, 8]
    (loss,) = losses(records)
    assert (loss.reason, loss.first_seq, loss.last_seq, loss.count) == ("released", 2, 4, 3)
    spool.close()


def test_what_waits_or_flies_is_not_missing(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    for _ in range(4):
        spool.append(goodbye)
    assert spool.take_oldest(2, 1 << 20)
    spool.settle(statement(spool.epoch, 4, 0, [(1, 4)]))
    assert (spool.count, spool.waiting_count) == (4, 2)
    spool.close()


def test_numbers_of_an_epoch_that_is_not_here_are_named(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append(goodbye)
    spool.settle(statement(spool.epoch - 1, 10, 0, [(3, 4)]))
    (loss,) = losses(drain(spool))
    assert (loss.lost_epoch, loss.first_seq, loss.last_seq) == (spool.epoch - 1, 3, 4)
    spool.close()


def test_a_hub_that_knows_higher_numbers_opens_a_new_epoch_and_a_new_instance(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    for _ in range(3):
        spool.append(goodbye)
    before, instance = spool.epoch, spool.instance
    spool.settle(statement(before, 9, 2))
    assert spool.epoch > before
    assert spool.instance.name != instance.name
    assert (spool.instance.epoch, spool.instance.seq) == (spool.epoch, 1)
    first = drain(spool)
    assert [(record.epoch, record.seq) for record in first] == [(before, 1), (before, 2), (before, 3), (spool.epoch, 1)]
    (loss,) = losses(first)
    assert (loss.lost_epoch, loss.first_seq, loss.last_seq, loss.reason) == (before, 4, 9, "corrupt")
    assert spool.append(goodbye) == 2
    spool.close()


def test_a_hub_that_knows_a_higher_epoch_is_answered_above_it(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append(goodbye)
    before, in_memory, instance = spool.epoch, spool.epoch + (1 << 32), spool.instance
    spool.settle(statement(in_memory, 7, 7))
    assert spool.epoch > in_memory
    assert (spool.instance.epoch, spool.instance.seq) == (spool.epoch, 1)
    assert spool.instance.name != instance.name
    assert spool.append(goodbye) == 1
    assert [(record.epoch, record.seq) for record in drain(spool)] == [(before, 1), (spool.epoch, 1)]
    spool.close()


def test_of_an_ended_epoch_what_the_hub_never_heard_of_is_sent_again(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    for _ in range(3):
        spool.append(goodbye)
    before = spool.epoch
    spool.settle(statement(before + (1 << 32), 7))
    confirm_all(spool)
    assert spool.waiting_count == 0
    spool.settle(statement(before, 1, 1))
    assert drained_seqs(spool) == [2, 3]
    spool.close()


def test_each_batch_is_of_one_epoch_and_tells_its_numbering(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    for _ in range(3):
        spool.append(goodbye)
    before = spool.epoch
    spool.settle(statement(before, 9))
    spool.append(goodbye)
    first, second = spool.take_oldest(100, 1 << 20), spool.take_oldest(100, 1 << 20)
    assert first
    assert second
    assert (first.epoch, [row.seq for row in first.rows]) == (before, [1, 2, 3])
    assert (second.epoch, [row.seq for row in second.rows]) == (spool.epoch, [1, 2])
    assert (first.numbering.last_assigned_seq, second.numbering.last_assigned_seq) == (3, 2)
    assert (second.numbering.instance, second.numbering.instance_seq) == (spool.instance.name, 1)
    spool.close()


def test_the_oldest_unconfirmed_follows_the_confirms(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    for _ in range(6):
        spool.append(goodbye)
    newest, oldest = spool.take_newest(), spool.take_oldest(3, 1 << 20)
    assert newest
    assert oldest
    assert newest.numbering.oldest_unconfirmed_seq == 1
    spool.confirm(newest.positions)
    spool.confirm(oldest.positions)
    rest = spool.take_oldest(100, 1 << 20)
    assert rest
    assert rest.numbering.oldest_unconfirmed_seq == 4
    assert rest.numbering.oldest_kept_seq == 1
    spool.confirm(rest.positions)
    spool.append(goodbye)
    last = spool.take_newest()
    assert last
    assert last.numbering.oldest_unconfirmed_seq == last.rows[0].seq == 7
    spool.close()


def test_what_a_loss_names_is_open_until_that_loss_is_confirmed(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append(snapshot_of(400_000))  # number 1 is too large, record 2 names it
    spool.append(goodbye)
    batch = spool.take_newest()
    assert batch
    assert batch.numbering.oldest_unconfirmed_seq == 1
    spool.close()


def test_what_is_larger_than_a_record_may_be_is_named_as_lost(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    assert spool.append(snapshot_of(400_000)) == 2
    (loss,) = drain(spool)
    assert isinstance(loss, Loss)
    assert (loss.seq, loss.first_seq, loss.last_seq, loss.reason) == (2, 1, 1, "oversize")
    spool.close()


def test_a_disk_that_refuses_costs_no_number(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append(goodbye)
    spool._rows.database.execute("PRAGMA query_only = ON")
    with pytest.raises(SpoolUnavailable):
        spool.append(goodbye)
    spool._rows.database.execute("PRAGMA query_only = OFF")
    assert spool.append(goodbye) == 2
    assert spool.count == 2
    spool.close()


def test_a_spool_has_one_owner(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    with pytest.raises(SpoolUnavailable, match="locked"):
        open_spool(tmp_path)
    spool.close()


def test_it_is_open_the_way_a_full_disk_needs(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    pragmas = ("journal_mode", "locking_mode", "synchronous", "temp_store", "max_page_count")
    values = [spool._rows.database.execute(f"PRAGMA {name}").fetchone()[0] for name in pragmas]
    assert values[:-1] == ["wal", "exclusive", 2, 2]
    assert 0 <= SMALLEST_BOUND_BYTES // PAGE_BYTES - values[-1] <= 2 * SPARE_PAGES
    spool.close()
    assert (tmp_path / "spool.sqlite3").stat().st_size > 0.7 * SMALLEST_BOUND_BYTES
    assert log_of(tmp_path / "spool.sqlite3").stat().st_size == LOG_BYTES


def test_the_first_layout_is_brought_up_to_date_in_place(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    for _ in range(3):
        spool.append(goodbye)
    epoch, database = spool.epoch, spool._rows.database
    database.executescript(
        "ALTER TABLE record DROP COLUMN crc; ALTER TABLE record RENAME COLUMN position TO seq;"
        "ALTER TABLE life DROP COLUMN base; ALTER TABLE life DROP COLUMN last_seq;"
    )
    crash(spool)
    (tmp_path / "high-water").unlink()
    spool = open_spool(tmp_path)
    assert spool.epoch == epoch
    assert spool.append(goodbye) == 4
    assert drained_seqs(spool) == [1, 2, 3, 4]
    spool.close()
