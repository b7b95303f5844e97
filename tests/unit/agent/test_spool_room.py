"""A bounded spool: what goes first, and each number that goes is named."""

from functools import partial
from pathlib import Path

import pytest

from agent.spool import Spool
from agent.stamp import Stamper
from rabbitmq.records import Snapshot
from tests.unit.agent.spools import (
    SMALLEST_BOUND_BYTES,
    confirm_all,
    crash,
    drain,
    losses,
    named,
    open_spool,
)
from tests.unit.agent.stamping import AGENT_ID, WALL_SECONDS, goodbye, snapshot_of

BOUND_BYTES = 4 * SMALLEST_BOUND_BYTES


def test_a_full_spool_gives_up_its_oldest_snapshots_and_names_each(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append(goodbye)
    for _ in range(400):
        spool.append(snapshot_of(6000))
    assert spool.size_bytes <= SMALLEST_BOUND_BYTES
    epoch, last_seq, lost_count = spool.epoch, spool.last_seq, spool.lost_count
    spool.close()

    spool = open_spool(tmp_path)
    kept = {(record.epoch, record.seq): record for record in drain(spool)}
    told = losses(kept.values())
    assert (epoch, 1) in kept
    assert not named(told) & kept.keys()
    assert named(told) | kept.keys() == {(epoch, seq) for seq in range(1, last_seq + 1)}
    assert sum(loss.count for loss in told) == len(named(told)) == lost_count > 0
    assert {loss.reason for loss in told} <= {"full", "thinned"}
    assert len(told) < lost_count / 3
    spool.close()


def test_before_anything_is_dropped_the_older_half_is_thinned(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, BOUND_BYTES)
    size_bytes = 0
    while not spool.lost_count:
        size_bytes = spool.size_bytes
        spool.append(snapshot_of(6000))
    assert 0.75 * BOUND_BYTES < size_bytes < 0.85 * BOUND_BYTES
    records = drain(spool)
    (loss,) = losses(records)
    assert (loss.reason, loss.step, loss.first_seq) == ("thinned", 2, 2)
    assert loss.last_seq <= spool.last_seq / 2 + 1
    assert loss.count == (loss.last_seq - loss.first_seq) // 2 + 1
    kept = [record.seq for record in records if isinstance(record, Snapshot)]
    assert kept[:4] == [1, 3, 5, 7]
    assert set(kept) == set(range(1, spool.last_seq + 1)) - {seq for _, seq in named([loss])} - {loss.seq}
    spool.close()


def test_what_is_thin_is_not_thinned_again(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, BOUND_BYTES)
    while not spool.lost_count:
        spool.append(snapshot_of(6000))
    (loss,) = losses(drain(spool))
    spool.close()
    spool = open_spool(tmp_path, BOUND_BYTES)
    spool.append(snapshot_of(6000))
    again = [each for each in losses(drain(spool)) if each.seq != loss.seq]
    assert not named([loss]) & named(again)
    assert all(each.first_seq > loss.last_seq for each in again)
    spool.close()


def test_a_spool_that_is_full_for_long_keeps_thinning_and_its_losses_stay_few(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, BOUND_BYTES)
    spool._rows.database.execute("PRAGMA synchronous = OFF")
    for _ in range(4000):
        spool.append(snapshot_of(1500))
    records = drain(spool)
    oldest = [record.seq for record in records if isinstance(record, Snapshot)][:100]
    assert oldest[-1] - oldest[0] > 150
    assert spool.lost_count / len(losses(records)) > 40
    spool.close()


def test_what_the_broker_has_goes_first_and_unnamed(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    for _ in range(60):
        spool.append(snapshot_of(6000))
    confirm_all(spool)
    before = spool.lost_count
    for _ in range(25):
        spool.append(snapshot_of(6000))
    assert spool.lost_count == before
    assert spool.count == 25
    spool.close()


def test_a_record_in_flight_is_never_given_up(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    for _ in range(10):
        spool.append(snapshot_of(6000))
    taken = spool.take_oldest(4, 1 << 20)
    assert taken
    for _ in range(400):
        spool.append(snapshot_of(6000))
    spool.put_back(taken.positions)
    again = spool.take_oldest(4, 1 << 20)
    assert again
    assert [row.seq for row in again.rows] == [1, 2, 3, 4]
    spool.close()


def test_what_is_too_old_goes_and_is_named(tmp_path: Path) -> None:
    now = [77.0]
    stamper = Stamper(AGENT_ID, "boot-1", wall_clock=lambda: WALL_SECONDS, boot_clock=lambda: now[0])
    spool = Spool(tmp_path / "spool.sqlite3", stamper, bound_bytes=SMALLEST_BOUND_BYTES, max_age_seconds=3600.0)
    for _ in range(3):
        spool.append(goodbye)
    now[0] += 3599.0
    spool.append(goodbye)
    now[0] += 2.0
    spool._rows.state.sure_appends = 0
    spool.append(goodbye)
    (loss,) = losses(drain(spool))
    assert (loss.reason, loss.first_seq, loss.last_seq) == ("age", 1, 3)
    assert (loss.first_wall_seconds, loss.last_wall_seconds) == (WALL_SECONDS, WALL_SECONDS)
    spool.close()


@pytest.mark.parametrize(("boot", "is_lost"), [("boot-1", False), ("boot-2", True)])
def test_a_clock_that_is_set_right_ages_only_what_an_earlier_boot_left(
    tmp_path: Path, boot: str, is_lost: bool
) -> None:
    for boot_id, wall_seconds in (("boot-1", 100.0), (boot, WALL_SECONDS)):
        stamper = Stamper(AGENT_ID, boot_id, wall_clock=partial(float, wall_seconds), boot_clock=lambda: 77.0)
        spool = Spool(tmp_path / "spool.sqlite3", stamper, bound_bytes=SMALLEST_BOUND_BYTES)
        spool.append(goodbye)
        assert bool(spool.lost_count) is (is_lost and boot_id == boot)
        spool.close()


def test_a_drop_and_its_name_are_one_transaction(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    while not spool.lost_count:
        spool.append(snapshot_of(6000))
        last_seq = spool.last_seq
    crash(spool)
    spool = open_spool(tmp_path)
    kept = {(record.epoch, record.seq): record for record in drain(spool)}
    assert named(losses(kept.values())) | kept.keys() == {(spool.epoch, seq) for seq in range(1, last_seq + 1)}
    spool.close()
