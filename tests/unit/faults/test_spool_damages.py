"""The damages of row 30 bite: each spool says what became of it, begins a new epoch, and names what is gone."""

import logging
from pathlib import Path

import pytest

from agent.spool import Spool
from faults.controls.delete_on_publish import confirm_and_delete
from faults.rows import agent as rows
from tests.unit.agent.spools import crash, drain, losses, named, open_spool
from tests.unit.agent.stamping import goodbye

RECORDS = 60


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Of an agent that was killed with a backlog; beside it a copy of its state with fewer records."""
    slot = tmp_path / "state" / "slots" / "0"
    slot.mkdir(parents=True)
    spool = open_spool(slot)
    for number in range(RECORDS):
        if number == RECORDS // 2:
            rows._copy(tmp_path / "state", tmp_path / "copy")
        spool.append(goodbye)
    crash(spool)
    return tmp_path / "state"


@pytest.mark.parametrize(
    ("damage", "told", "saves"),
    [
        (rows._scramble, rows.DAMAGED, True),
        (rows._restore_old_spool, rows.OLD_COPY, True),
        (rows._delete_spool, rows.GONE, False),
    ],
)
def test_the_spool_sees_it_and_names_it(
    damage: rows.Damage, told: str, saves: bool, state: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "agent.spool"):
        damage(state, state.with_name("copy"))
        spool = open_spool(state / "slots" / "0")
    assert told in caplog.text
    records = drain(spool)
    (epoch,) = {loss.lost_epoch for loss in losses(records)}
    here = {record.seq for record in records if record.epoch == epoch}
    gone = {seq for _, seq in named(losses(records))}
    assert spool.epoch > epoch
    assert bool(here) == saves
    assert here | gone >= set(range(1, RECORDS + 1))
    assert len(gone - here) + len(here) <= RECORDS + rows.MOST_NAMED_IN_VAIN
    spool.close()


def test_a_file_that_vanishes_is_left_out_of_a_copy(tmp_path: Path) -> None:
    rows._copy_if_there(str(tmp_path / "gone.new"), str(tmp_path / "copy"))
    assert not (tmp_path / "copy").exists()


def test_the_build_that_deletes_on_publish_deletes_and_names_nothing(tmp_path: Path) -> None:
    spool: Spool = open_spool(tmp_path)
    for _ in range(3):
        spool.append(goodbye)
    batch = spool.take_oldest(3, 1 << 20)
    assert batch is not None
    confirm_and_delete(spool, batch.positions)
    assert spool.kept_count == 0
    crash(spool)
    spool = open_spool(tmp_path)
    assert (spool.kept_count, spool.lost_count) == (0, 0)
    spool.close()
