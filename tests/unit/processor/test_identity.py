"""Two agents under one id: one series, and an incident that says what to do."""

from dataclasses import replace

import pytest

from health.state import State
from processor.decision import Decision
from processor.memory import FleetMemory
from rabbitmq.message import Numbering
from rabbitmq.records import Record
from store.model import Change, KeptSnapshot, Quarantined
from store.record_account import GapState
from tests.unit.processor.deliveries import (
    START_SECONDS,
    decide,
    delivery,
    empty_memory,
    goodbye,
    pass_a_moment,
    snapshot,
    wall_ms,
)

REPLY = "amq.rabbitmq.reply-to."


def send(
    memory: FleetMemory, *records: Record, instance: str, born: tuple[int, int] = (1, 1), now_ms: int | None = None
) -> Decision:
    numbering = Numbering(records[-1].seq, 1, 1, instance, *born)
    return decide(memory, delivery(*records, reply_to=REPLY + instance, numbering=numbering), now_ms=now_ms)


def stored(decision: Decision) -> list[int]:
    return [kept.seq for kept in decision.batch.snapshots]


def holder(memory: FleetMemory) -> tuple[str, int, int, str | None]:
    agent = memory.agent("web-3")
    assert agent is not None
    return agent.instance, agent.instance_epoch, agent.instance_seq, agent.reply_to


def test_a_restart_takes_the_identity_over_and_hears_the_account() -> None:
    memory = empty_memory()
    send(memory, snapshot(1, cpu=1.0), snapshot(2, cpu=1.0), instance="first")
    decision = send(memory, snapshot(3, cpu=1.0), instance="second", born=(1, 3))
    assert stored(decision) == [3]
    assert holder(memory) == ("second", 1, 3, REPLY + "second")
    [(reply_to, statement)] = decision.statements
    assert (reply_to, statement.assigned_seq, statement.settled_seq) == (REPLY + "second", 3, 3)


def test_what_the_earlier_start_assigned_before_is_history() -> None:
    memory = empty_memory()
    send(memory, snapshot(1, cpu=1.0), instance="first")
    send(memory, snapshot(5, cpu=1.0), instance="second", born=(1, 5))
    decision = send(memory, snapshot(2, cpu=1.0), instance="first")
    assert (stored(decision), decision.batch.quarantined, decision.batch.incidents) == ([2], [], [])
    assert holder(memory)[0] == "second"


def test_what_the_earlier_start_assigned_since_is_quarantined_and_opens_an_incident() -> None:
    memory = empty_memory()
    send(memory, snapshot(1, disk=1.0), instance="first")
    send(memory, snapshot(5, disk=1.0), instance="second", born=(1, 5))
    before = memory.agent("web-3")
    decision = send(memory, *[snapshot(seq, disk=99.0) for seq in range(6, 12)], goodbye(12), instance="first")
    assert (decision.batch.snapshots, decision.batch.records, decision.batch.checks[:-1]) == ([], [], [])
    assert {bad.reason for bad in decision.batch.quarantined} == {"identity-conflict"}
    assert next(bad.body for bad in decision.batch.quarantined).startswith(b"{")
    [opened] = decision.batch.incidents
    assert (opened.change, opened.severity, opened.key.rule) == (Change.OPENED, State.CRITICAL, "identity-conflict")
    assert "Delete the state folder on the copy" in opened.sentence
    assert memory.agent("web-3") == before
    assert memory.ledgers("web-3")[1].assigned_seq == 5  # numbers that the holder has still to assign stay its own
    assert [(to, told.assigned_seq) for to, told in decision.statements] == [(REPLY + "first", 5)]


def test_what_the_earlier_start_sends_again_is_a_repeat() -> None:
    memory = empty_memory()
    send(memory, snapshot(1, cpu=1.0), instance="first")
    send(memory, snapshot(2, cpu=1.0), instance="second", born=(1, 2))
    batch = send(memory, snapshot(2, cpu=1.0), instance="first").batch
    assert ([repeat.seq for repeat in batch.repeats], batch.quarantined) == ([2], [])


def test_a_copy_in_an_epoch_of_its_own_is_accounted_for_there() -> None:
    memory = empty_memory()
    send(memory, snapshot(1, cpu=1.0), instance="first")
    later = 7 << 32
    send(memory, snapshot(1, epoch=later, cpu=1.0), instance="second", born=(later, 1))
    send(memory, snapshot(2, cpu=1.0), instance="first")
    [gap] = memory.ledgers("web-3")[1].gaps
    assert (gap.first_seq, gap.last_seq, gap.reason) == (2, 2, "identity-conflict")


def test_a_restored_agent_opens_an_epoch_and_holds_the_identity_again() -> None:
    memory = empty_memory()
    send(memory, *[snapshot(seq, cpu=1.0) for seq in range(1, 10)], instance="first", born=(1, 5))
    decision = send(memory, snapshot(3, cpu=7.0), instance="restored", born=(1, 3))
    assert [repeat.seq for repeat in decision.batch.repeats] == [3]
    memory.apply(decision, [_reused(decision.batch.repeats[0])])
    told = pass_a_moment(memory, wall_ms(10))
    assert told is not None
    assert [(to, statement.assigned_seq) for to, statement in told.statements] == [(REPLY + "restored", 9)]
    assert [change.key.rule for change in told.batch.incidents] == ["identity-conflict"]
    later = 2 << 32
    assert stored(send(memory, snapshot(1, epoch=later, cpu=1.0), instance="anew", born=(later, 1))) == [1]
    assert holder(memory)[:3] == ("anew", later, 1)


def test_a_start_after_one_in_memory_goes_on_and_hears_of_the_higher_epoch() -> None:
    memory, in_memory = empty_memory(), 3 << 32 | 5
    send(memory, snapshot(1, cpu=1.0), snapshot(2, cpu=1.0), instance="first")
    send(memory, snapshot(1, epoch=in_memory, cpu=1.0), instance="refuge", born=(in_memory, 1))
    lost = Numbering(4, 1, 1, "refuge", in_memory, 1)
    decide(memory, delivery(snapshot(2, epoch=in_memory, cpu=1.0), numbering=lost))
    decision = send(memory, snapshot(3, cpu=1.0), instance="third", born=(1, 3))
    assert stored(decision) == [3]
    assert holder(memory)[:3] == ("third", 1, 3)
    assert {(to, told.epoch) for to, told in decision.statements} == {
        (REPLY + "third", 1),
        (REPLY + "third", in_memory),
    }
    [gap] = memory.ledgers("web-3")[in_memory].gaps
    assert (gap.first_seq, gap.last_seq, gap.state, gap.reason) == (3, 4, GapState.DECLARED, "disk")


def test_a_copy_hears_of_the_holders_higher_epoch_only_when_the_holder_is_silent() -> None:
    memory, later = empty_memory(), 7 << 32
    send(memory, snapshot(1, cpu=1.0), instance="first", now_ms=wall_ms(1))
    send(memory, snapshot(1, epoch=later, cpu=1.0), instance="second", born=(later, 1), now_ms=wall_ms(1))
    told: list[set[int]] = []
    for seq in (2, 100):
        statements = send(memory, snapshot(seq, cpu=1.0), instance="first", now_ms=wall_ms(seq)).statements
        told.append({statement.epoch for to, statement in statements if to == REPLY + "first"})
    assert told == [{1}, {1, later}]


def test_a_start_that_claims_an_impossible_first_number_takes_no_identity() -> None:
    memory = empty_memory()
    send(memory, snapshot(1, cpu=1.0), instance="first")
    assert send(memory, snapshot(2, cpu=1.0), instance="liar", born=(2**52, 1)).batch.quarantined
    assert holder(memory)[0] == "first"


def test_a_reused_key_is_dealt_with_once_and_also_by_the_next_batch() -> None:
    memory = empty_memory()
    decision = send(memory, snapshot(1, cpu=1.0), snapshot(1, cpu=7.0), instance="first")
    memory.apply(decision, [_reused(decision.batch.repeats[0])])
    told = send(memory, snapshot(2, cpu=1.0), instance="first")
    assert [change.change for change in told.batch.incidents] == [Change.OPENED]
    assert [to for to, _ in told.statements] == [REPLY + "first"]
    assert pass_a_moment(memory, wall_ms(3)) is None


def test_the_conflict_is_over_when_the_records_go_on_for_ten_minutes_without_evidence() -> None:
    memory = empty_memory()
    send(memory, snapshot(1, cpu=1.0), instance="first")
    send(memory, snapshot(5, cpu=1.0), instance="second", born=(1, 5))
    send(memory, snapshot(6, cpu=1.0), instance="first", now_ms=wall_ms(6))
    send(memory, snapshot(7, cpu=1.0), instance="first", now_ms=wall_ms(60))
    closed: list[tuple[Change, int]] = []
    for seq in range(61, 200):
        if seq < 100 or seq > 190:  # silence closes nothing
            batch = send(memory, snapshot(seq, cpu=1.0), instance="second", born=(1, 5), now_ms=wall_ms(seq)).batch
            closed += [(change.change, seq) for change in batch.incidents]
        passed = pass_a_moment(memory, wall_ms(seq))
        closed += [(change.change, seq) for change in passed.batch.incidents] if passed else []
    assert closed == [(Change.CLOSED, 191)]
    assert not memory.findings("web-3")


def test_an_agent_that_does_not_tell_its_instance_is_believed() -> None:
    memory = empty_memory()
    send(memory, snapshot(1, cpu=1.0), instance="first")
    assert stored(send(memory, snapshot(2, cpu=1.0), instance="", born=(0, 0))) == [2]


@pytest.mark.parametrize("order", [("first", "second"), ("second", "first")])
def test_numbers_of_a_copy_do_not_open_holes_in_the_holders_account(order: tuple[str, str]) -> None:
    memory = empty_memory()
    send(memory, snapshot(1, cpu=1.0), instance="first")
    born = {"first": (1, 1), "second": (1, 2)}
    send(memory, snapshot(2, cpu=1.0), instance="second", born=born["second"])
    for name in order:
        seq = {"first": 50, "second": 3}[name]
        send(memory, snapshot(seq, cpu=1.0), instance=name, born=born[name])
    ledger = memory.ledgers("web-3")[1]
    assert (ledger.assigned_seq, ledger.gaps) == (3, [])


def _reused(item: object) -> Quarantined:
    assert isinstance(item, KeptSnapshot)
    return Quarantined(
        received_ms=round(START_SECONDS * 1000),
        routing_key=item.agent_id,
        message_id=None,
        headers={},
        reason="key-reused",
        detail="",
        body=b"",
    )


def test_a_message_from_far_in_the_future_takes_no_identity() -> None:
    memory = empty_memory()
    send(memory, snapshot(1, cpu=1.0), instance="first")
    future = replace(delivery(snapshot(1, epoch=2**52, cpu=1.0), numbering=Numbering(1, 1, 1, "liar", 2**52, 1)))
    assert [bad.reason for bad in decide(memory, future).batch.quarantined] == ["future-epoch"]
    assert holder(memory)[0] == "first"
    assert list(memory.ledgers("web-3")) == [1]
