"""Statements of account: late ones, repeated ones, contradictory ones and hostile ones cost no record its name."""

from pathlib import Path

from agent.epoch import EPOCHS_AHEAD
from agent.spool_rows import Lost
from rabbitmq.records import LARGEST_EXACT_INTEGER
from tests.unit.agent.spools import confirm_all, drain, drained_seqs, losses, named, open_spool, statement
from tests.unit.agent.stamping import goodbye


def test_the_newest_record_is_of_the_epoch_that_gave_its_number(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    before = spool.epoch
    for _ in range(3):
        spool.append(goodbye)
    spool.settle(statement(before + (4 << 32), 7))
    assert spool.epoch > before
    assert spool.take_newest() is None
    assert [(record.epoch, record.seq) for record in drain(spool)] == [(before, seq) for seq in (1, 2, 3)]
    spool.close()


def test_what_a_restored_hub_asks_for_is_not_deleted_as_settled(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    for _ in range(5):
        spool.append(goodbye)
    confirm_all(spool)
    spool.settle(statement(spool.epoch, 5, 5))
    spool.settle(statement(spool.epoch, 5, 0, [(1, 5)]))
    spool.append(goodbye)
    assert drained_seqs(spool) == [1, 2, 3, 4, 5, 6]
    spool.close()


def test_a_thinned_run_names_no_number_between(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    for _ in range(9):
        spool.append(goodbye)
    with spool._rows.transaction():
        for seq in (3, 5, 7):
            spool._rows.drop_between(seq, seq)
        spool._rows.name(Lost(spool.epoch, 3, 7, "thinned", step=2, count=3))
    confirm_all(spool)
    with spool._rows.transaction():
        assert spool._room._drop_confirmed()
    spool.settle(statement(spool.epoch, 10, 1, [(2, 10)]))
    sent = drain(spool)
    assert named(losses(sent)) == {(spool.epoch, seq) for seq in range(2, 10)}
    assert [loss.reason for loss in losses(sent)] == ["thinned", "released", "released", "released", "released"]
    spool.close()


def test_an_epoch_that_no_agent_can_have_reached_is_not_believed(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append(goodbye)
    before = spool.epoch
    for epoch in (before + EPOCHS_AHEAD + 1, LARGEST_EXACT_INTEGER):
        spool.settle(statement(epoch, 9, 0, [(1, 9)]))
    assert (spool.epoch, drained_seqs(spool)) == (before, [1])
    spool.close()


def test_an_epoch_without_records_takes_no_other_along(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append(goodbye)
    first = spool.epoch
    for _ in range(2):
        spool.settle(statement(spool.epoch + (1 << 32), 7))
    spool.append(goodbye)
    last = spool.epoch
    confirm_all(spool)
    spool.settle(statement(first, 1, 1))
    spool.append(goodbye)
    spool.close()
    spool = open_spool(tmp_path)
    assert (spool.epoch, spool.append(goodbye)) == (last, 3)
    assert list(tmp_path.glob("*.corrupt-*")) == []
    spool.close()
