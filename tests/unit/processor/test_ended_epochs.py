"""Epochs that ended: what is still missing of them is asked for, by whom it can be answered, and at a bounded price."""

from processor.memory import FleetMemory
from rabbitmq.message import Numbering
from store.record_account import GapState
from tests.unit.processor.deliveries import decide, delivery, empty_memory, pass_a_moment, snapshot, wall_ms

ADDRESS, ADDRESS_AFTER_RESTART = "amq.rabbitmq.reply-to.one", "amq.rabbitmq.reply-to.two"
ON_DISK, IN_MEMORY, ON_DISK_AGAIN = 2 << 32 | 5, 3 << 32 | 9, 4 << 32 | 7


def numbering(last_seq: int, unconfirmed_seq: int, born: tuple[str, int, int] = ("a", ON_DISK, 1)) -> Numbering:
    name, epoch, seq = born
    return Numbering(last_seq, 1, unconfirmed_seq, name, epoch, seq)


def live(memory: FleetMemory, seq: int, epoch: int) -> list[tuple[int, list[tuple[int, int]]]]:
    """A live record arrives and time passes; returns what was asked for, with its epoch."""
    decide(memory, delivery(snapshot(seq, epoch=epoch, cpu=1.0), reply_to=ADDRESS, numbering=numbering(seq, seq)))
    decision = pass_a_moment(memory, wall_ms(seq))
    told = decision.statements if decision else ()
    return [(statement.epoch, statement.missing) for _, statement in told if statement.missing]


def test_what_lies_on_a_disk_that_refuses_is_in_transit_until_the_disk_is_back() -> None:
    memory = empty_memory()
    first = snapshot(1, epoch=ON_DISK, cpu=1.0)
    decide(memory, delivery(first, reply_to=ADDRESS, numbering=numbering(100, 2)))
    asked = [ask for seq in range(1, 300) for ask in live(memory, seq, IN_MEMORY)]
    assert asked == []
    assert {gap.state for gap in memory.ledgers("web-3")[ON_DISK].gaps} == {GapState.OPEN}
    assert (ON_DISK, [(2, 100)]) in [ask for seq in range(300, 304) for ask in live(memory, seq, ON_DISK_AGAIN)]


def test_the_broker_may_lose_the_end_of_an_ended_epoch() -> None:
    memory = empty_memory()
    decide(memory, delivery(snapshot(1, epoch=ON_DISK, cpu=1.0), reply_to=ADDRESS, numbering=numbering(500, 1)))
    assert live(memory, 1, ON_DISK_AGAIN) == []
    backlog = [snapshot(seq, epoch=ON_DISK, cpu=1.0) for seq in range(2, 100)]
    decide(memory, delivery(*backlog, reply_to=ADDRESS, numbering=numbering(500, 90)), now_ms=wall_ms(2))
    assert [ask for seq in range(2, 12) for ask in live(memory, seq, ON_DISK_AGAIN)] == []
    assert (ON_DISK, [(100, 500)]) in [ask for seq in range(12, 20) for ask in live(memory, seq, ON_DISK_AGAIN)]


def test_a_start_below_a_known_epoch_is_told_again() -> None:
    """It went on in memory, was killed, and its next start missed the statement that tells it of the higher epoch."""
    memory = empty_memory()
    live(memory, 1, ON_DISK)
    live(memory, 2, IN_MEMORY)
    for seq in (12, 13, 14):
        late = snapshot(seq, epoch=ON_DISK, cpu=1.0)
        decision = decide(
            memory,
            delivery(late, reply_to=ADDRESS_AFTER_RESTART, numbering=numbering(seq, seq, ("b", ON_DISK, 12))),
        )
        told = [(address, statement.epoch) for address, statement in decision.statements]
        assert (ADDRESS_AFTER_RESTART, IN_MEMORY) in told


def test_the_backlog_of_an_ended_epoch_makes_no_statements() -> None:
    memory = empty_memory()
    decide(memory, delivery(snapshot(1, epoch=ON_DISK, cpu=1.0), reply_to=ADDRESS, numbering=numbering(50, 1)))
    live(memory, 1, ON_DISK_AGAIN)
    backlog = snapshot(2, epoch=ON_DISK, cpu=1.0)
    assert decide(memory, delivery(backlog, reply_to=ADDRESS, numbering=numbering(50, 2))).statements == []


def test_the_hundredth_epoch_costs_what_the_second_did() -> None:
    memory = empty_memory()
    for counter in range(2, 200, 2):
        first = snapshot(1, epoch=counter << 32, cpu=1.0)
        decision = decide(memory, delivery(first, reply_to=ADDRESS, numbering=numbering(1, 1, ("a", 2 << 32, 1))))
        assert len(decision.batch.accounts.epochs) <= 2
        assert len(decision.statements) <= 2


def test_a_clock_set_back_stops_no_question() -> None:
    memory = empty_memory()
    decide(memory, delivery(snapshot(1, cpu=1.0), reply_to=ADDRESS, numbering=Numbering(1, 1, 1)))
    decide(memory, delivery(snapshot(9, cpu=1.0), reply_to=ADDRESS, numbering=Numbering(9, 1, 9)))
    a_day_before = wall_ms(9) - 86_400_000
    decide(memory, delivery(snapshot(10, cpu=1.0), reply_to=ADDRESS), now_ms=a_day_before)
    decision = pass_a_moment(memory, a_day_before)
    assert decision is not None
    assert [list(statement.missing) for _, statement in decision.statements] == [[(2, 8)]]
