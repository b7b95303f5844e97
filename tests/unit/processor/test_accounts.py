"""Every record of a batch in its agent's account."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from processor.delivery import Delivery
from processor.memory import FleetMemory
from processor.pipeline import handle_batch, pass_time, quarantine_unread
from rabbitmq.message import Numbering
from rabbitmq.records import Loss
from store.model import FleetState
from store.record_account import EpochAccount, GapState
from tests.unit.processor.deliveries import RULES, TOKEN, decide, delivery, empty_memory, hello, loss, snapshot, wall_ms

REPLY_TO = "amq.rabbitmq.reply-to.g2dkABFoZWFsdGhtb24"
IN_MEMORY, AFTER_IT = 3 << 32 | 9, 4 << 32 | 9


def gaps(memory: FleetMemory, epoch: int = 1) -> list[tuple[int, int, str, str]]:
    """Runs of consecutive numbers of one state and reason, whatever gaps they are kept in."""
    told = memory.ledgers("web-3")[epoch].gaps
    runs: list[tuple[int, int, str, str]] = []
    for number, state, reason in sorted((number, str(one.state), one.reason) for one in told for number in one.numbers):
        if runs and runs[-1][1:] == (number - 1, state, reason):
            runs[-1] = (runs[-1][0], number, state, reason)
        else:
            runs.append((number, number, state, reason))
    return runs


def account(memory: FleetMemory, epoch: int = 1) -> EpochAccount:
    return memory.ledgers("web-3")[epoch].changes().account


def test_a_hole_is_open_until_its_record_comes() -> None:
    memory = empty_memory()
    decision = decide(memory, delivery(snapshot(1, cpu=1.0)), delivery(snapshot(5, cpu=1.0)))
    [row], [(key, gap)] = decision.batch.accounts.epochs, decision.batch.accounts.kept_gaps
    assert (row.assigned_seq, row.stored, row.duplicates) == (5, 2, 0)
    assert (key.agent_id, key.epoch, gap.first_seq, gap.last_seq, gap.state) == ("web-3", 1, 2, 4, GapState.OPEN)
    changes = decide(memory, delivery(snapshot(2, cpu=1.0), snapshot(3, cpu=1.0), snapshot(4, cpu=1.0))).batch.accounts
    assert (changes.closed_gaps, changes.kept_gaps) == ([(key, 2)], [])
    assert account(memory).stored == 5


def test_a_tail_that_was_assigned_and_did_not_come_is_in_transit() -> None:
    memory = empty_memory()
    decide(memory, delivery(snapshot(1, cpu=1.0), numbering=Numbering(9, 1, 1)))
    assert gaps(memory) == [(2, 9, "open", "")]
    assert account(memory).assigned_seq == 9


def test_a_repeat_is_compared_and_changes_no_state() -> None:
    memory = empty_memory()
    decide(memory, delivery(snapshot(1, disk=10.0)), now_ms=wall_ms(1))
    batch = decide(memory, delivery(snapshot(1, disk=99.0), snapshot(2, disk=10.0)), now_ms=wall_ms(2)).batch
    assert [(kept.seq, dict(kept.readings)) for kept in batch.snapshots] == [
        (2, {'disk.usage_percent{mount="/"}': 10.0})
    ]
    assert [repeat.seq for repeat in batch.repeats] == [1]
    assert (batch.checks, account(memory).stored, account(memory).duplicates) == ([], 2, 1)


def test_a_repeat_says_nothing_of_when_its_agent_was_seen() -> None:
    memory = empty_memory()
    decide(memory, delivery(snapshot(1, cpu=1.0)), now_ms=wall_ms(1))
    decide(memory, delivery(snapshot(1, cpu=1.0)), now_ms=wall_ms(1) + 9_000)
    [agent] = [memory.agent("web-3")]
    assert agent is not None
    assert agent.last_seen_ms == wall_ms(1)


def test_a_loss_names_what_did_not_come() -> None:
    memory = empty_memory()
    decide(memory, delivery(snapshot(1, cpu=1.0), snapshot(4, cpu=1.0)), delivery(loss(10, 2, 8, step=2)))
    assert gaps(memory) == [
        (2, 2, "declared", "full"),
        (3, 3, "open", ""),
        (5, 5, "open", ""),
        (6, 6, "declared", "full"),
        (7, 7, "open", ""),
        (8, 8, "declared", "full"),
        (9, 9, "open", ""),
    ]


def test_a_loss_of_an_earlier_epoch_closes_that_one() -> None:
    memory = empty_memory()
    decide(memory, delivery(snapshot(1, cpu=1.0), numbering=Numbering(6, 1, 1)))
    later = 5 << 32
    decide(memory, delivery(structs.replace(loss(1, 2, 9, lost_epoch=1), epoch=later)))
    assert gaps(memory) == [(2, 9, "declared", "full")]
    assert account(memory).assigned_seq == 9
    assert account(memory, later).stored == 1


def test_what_was_named_as_lost_and_comes_is_stored() -> None:
    memory = empty_memory()
    decide(memory, delivery(loss(5, 1, 4)))
    batch = decide(memory, delivery(snapshot(2, cpu=1.0))).batch
    assert [kept.seq for kept in batch.snapshots] == [2]
    assert gaps(memory) == [(1, 1, "declared", "full"), (3, 4, "declared", "full")]


@pytest.mark.parametrize(
    "lie",
    [
        loss(3, 5, 4),
        loss(3, 1, 2**52, step=2),
        loss(3, 1, 2, lost_epoch=2**52),
    ],
)
def test_an_impossible_loss_is_quarantined(lie: Loss) -> None:
    memory = empty_memory()
    batch = decide(memory, delivery(snapshot(1, cpu=1.0), snapshot(2, cpu=1.0)), delivery(lie)).batch
    assert [bad.reason for bad in batch.quarantined] == ["implausible-loss"]
    assert gaps(memory) == [(3, 3, "quarantined", "implausible-loss")]


def test_a_bad_record_is_accounted_for() -> None:
    memory = empty_memory()
    bad = structs.replace(snapshot(2, cpu=1.0), wall_seconds=-1.0)
    decide(memory, delivery(snapshot(1, cpu=1.0), bad, snapshot(3, cpu=1.0)))
    unread = delivery(snapshot(4, cpu=1.0), hello(5), snapshot(6, cpu=1.0))
    decide(memory, replace(unread, body=unread.body.replace(b"0.1.0", b"\\u0000")))
    assert gaps(memory) == [(2, 2, "quarantined", "implausible-clock"), (5, 5, "quarantined", "nul-character")]
    assert account(memory).stored == 4


def test_a_record_of_another_epoch_than_its_message_is_not_believed() -> None:
    memory = empty_memory()
    batch = decide(memory, delivery(snapshot(1, cpu=1.0), snapshot(2, epoch=2, cpu=1.0))).batch
    assert [bad.reason for bad in batch.quarantined] == ["mixed-epochs"]
    assert list(memory.ledgers("web-3")) == [1]


def test_a_message_nobody_can_read_is_accounted_for_by_its_id() -> None:
    memory = empty_memory()
    decide(memory, delivery(snapshot(1, cpu=1.0)))
    decide(memory, Delivery(tag=1, routing_key="web-3", body=b"{", message_id="web-3/1/2-4"))
    decide(memory, delivery(snapshot(5, cpu=1.0)))
    assert gaps(memory) == [(2, 4, "quarantined", "not-json")]
    decide(memory, delivery(snapshot(3, cpu=1.0)))
    assert gaps(memory) == [(2, 2, "quarantined", "not-json"), (4, 4, "quarantined", "not-json")]


@pytest.mark.parametrize(
    "message_id",
    [
        None,
        "",
        "web-4/1/2-4",
        "web-3/7/2-4",
        "web-3/1/2-102",
        "web-3/1/4-2",
        "web-3/1/0-4",
        "web-3/1/5000-5001",
        "x" * 300,
    ],
)
def test_a_message_id_is_not_believed_further(message_id: str | None) -> None:
    memory = empty_memory()
    decide(memory, delivery(snapshot(1, cpu=1.0)))
    batch = decide(memory, Delivery(tag=1, routing_key="web-3", body=b"{", message_id=message_id)).batch
    assert len(batch.quarantined) == 1
    assert gaps(memory) == []
    assert list(memory.ledgers("web-3")) == [1]


def test_bytes_of_an_unknown_sender_open_no_account() -> None:
    batch = decide(empty_memory(), Delivery(tag=1, routing_key="web-3", body=b"{", message_id="web-3/1/2-4")).batch
    assert (batch.agents, batch.accounts.epochs, len(batch.quarantined)) == ([], [], 1)


def test_a_delivery_that_must_not_be_read_is_accounted_for() -> None:
    memory = empty_memory()
    decide(memory, delivery(snapshot(1, cpu=1.0)))
    why = ("processor-error", "ValueError")
    decision = quarantine_unread(delivery(snapshot(2, cpu=1.0)), memory, RULES, lambda *_: [], why, wall_ms(2))
    memory.apply(decision)
    assert [bad.reason for bad in decision.batch.quarantined] == ["processor-error"]
    assert gaps(memory) == [(2, 2, "quarantined", "processor-error")]


def test_an_epoch_in_memory_ends_with_the_next_one() -> None:
    memory = empty_memory()
    decide(memory, delivery(snapshot(1, epoch=IN_MEMORY, cpu=1.0), numbering=Numbering(4, 1, 1)))
    assert gaps(memory, IN_MEMORY) == [(2, 4, "open", "")]
    decide(memory, delivery(snapshot(1, epoch=AFTER_IT, cpu=1.0)))
    assert gaps(memory, IN_MEMORY) == [(2, 4, "declared", "disk")]
    decide(memory, delivery(snapshot(3, epoch=IN_MEMORY, cpu=1.0), numbering=Numbering(6, 1, 1)))
    assert gaps(memory, IN_MEMORY) == [
        (2, 2, "declared", "disk"),
        (4, 6, "declared", "disk"),
    ]


def test_of_an_epoch_on_disk_that_ended_the_agent_hears_and_is_asked_for_all_that_is_missing() -> None:
    memory = empty_memory()
    replies = replace(delivery(snapshot(1, cpu=1.0), numbering=Numbering(4, 1, 1)), reply_to=REPLY_TO)
    decide(memory, replies, now_ms=wall_ms(1))
    begun = replace(delivery(snapshot(1, epoch=AFTER_IT, cpu=1.0)), reply_to=REPLY_TO)
    told = [statement for _, statement in decide(memory, begun, now_ms=wall_ms(2)).statements]
    assert [(statement.epoch, statement.assigned_seq) for statement in told if statement.epoch == 1] == [(1, 4)]
    later = replace(delivery(snapshot(2, epoch=AFTER_IT, cpu=1.0)), reply_to=REPLY_TO)
    decide(memory, later, now_ms=wall_ms(12))
    asked = pass_time(memory, RULES, lambda *_: [], wall_ms(12))
    assert asked is not None
    assert [(statement.epoch, statement.missing) for _, statement in asked.statements] == [(1, [(2, 4)])]


def test_a_batch_that_was_not_committed_changes_nothing() -> None:
    memory = empty_memory()
    decide(memory, delivery(snapshot(1, cpu=1.0)))
    deliveries = [delivery(snapshot(4, cpu=1.0)), delivery(snapshot(9, cpu=1.0))]
    decisions = [
        handle_batch(deliveries, memory, RULES, lambda *_: [], 1_000, monotonic_ms=0, canary_token=TOKEN)
        for _ in range(2)
    ]
    assert decisions[0].batch == decisions[1].batch
    assert account(memory).assigned_seq == 1


def test_accounts_go_on_where_the_last_processor_stopped() -> None:
    memory = empty_memory()
    decide(memory, delivery(snapshot(2, cpu=1.0), snapshot(7, cpu=1.0)))
    agent, ledger = memory.agent("web-3"), memory.ledgers("web-3")[1]
    assert agent is not None
    restored = FleetMemory(FleetState(agents={"web-3": agent}, checks={}, accounts=[(account(memory), ledger.gaps)]))
    decide(restored, delivery(snapshot(4, cpu=1.0), snapshot(7, cpu=1.0)))
    assert gaps(restored) == [(1, 1, "open", ""), (3, 3, "open", ""), (5, 6, "open", "")]
    assert (account(restored).stored, account(restored).duplicates) == (3, 1)


@settings(deadline=None)
@given(order=st.randoms(use_true_random=False), losses=st.lists(st.integers(1, 60), max_size=8))
def test_any_order_copies_and_cuts_close_the_account(order: random.Random, losses: list[int]) -> None:
    lost = sorted(set(losses))
    sent = [snapshot(seq, cpu=float(seq)) for seq in range(1, 61) if seq not in lost]
    named = [loss(61 + place, seq, seq) for place, seq in enumerate(lost)]
    deliveries = [delivery(record) for record in (*sent, *named)]
    deliveries += order.choices(deliveries, k=20)
    order.shuffle(deliveries)
    memory = empty_memory()
    kept: list[int] = []
    while deliveries:
        size = order.randint(1, 15)
        batch = decide(memory, *deliveries[:size]).batch
        deliveries = deliveries[size:]
        kept += [item.seq for item in batch.snapshots]
        kept += [item.seq for item in batch.records]
    assert sorted(kept) == [record.seq for record in (*sent, *named)]
    assert [
        seq for first, last, state, _ in gaps(memory) for seq in range(first, last + 1) if state == "declared"
    ] == lost
    row = account(memory)
    assert (row.assigned_seq, row.stored, row.duplicates) == (60 + len(lost), len(kept), 20)
