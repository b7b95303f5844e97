"""What a batch of deliveries means."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from health.state import State
from processor.delivery import Delivery
from processor.rule_set import RuleSet
from rabbitmq.records import Loss
from rabbitmq.topology import CANARY_ROUTING_KEY
from store.model import RETIRED, Change, IncidentChange
from tests.unit.processor.deliveries import (
    REMEDY,
    common,
    decide,
    delivery,
    empty_memory,
    goodbye,
    hello,
    readings,
    result,
    snapshot,
    states,
)


def test_an_agent_is_known_from_its_hello_before_any_metrics() -> None:
    decision = decide(empty_memory(), delivery(hello(1), reply_to="reply.1"), now_ms=7_000)
    [agent] = decision.batch.agents
    assert (agent.agent_id, agent.host_name, agent.reply_to) == ("web-3", "host of web-3", "reply.1")
    assert (agent.first_seen_ms, agent.last_seen_ms, agent.hello_ms, agent.has_metrics) == (7_000, 7_000, 7_000, False)
    assert decision.joined == [agent]


def test_every_record_is_kept_with_its_key() -> None:
    batch = decide(empty_memory(), delivery(hello(1)), delivery(snapshot(2, cpu=1.0), snapshot(3, cpu=2.0))).batch
    assert [(record.kind, record.seq) for record in batch.records] == [("hello", 1)]
    assert [(kept.epoch, kept.seq, dict(kept.readings)) for kept in batch.snapshots] == [
        (1, 2, {"cpu": 1.0}),
        (1, 3, {"cpu": 2.0}),
    ]


def test_a_limit_passed_for_its_hold_time_opens_one_incident_with_its_remedy() -> None:
    memory = empty_memory()
    changes = [
        change for seq in range(1, 8) for change in decide(memory, delivery(snapshot(seq, disk=97.0))).batch.incidents
    ]
    [opened] = changes
    assert (opened.change, opened.severity, opened.seq) == (Change.OPENED, State.CRITICAL, 3)
    assert opened.sentence == "disk / is 97.0 % full, limit 95 %"
    assert list(opened.remedies) == [REMEDY]


def test_it_closes_when_the_value_stays_below_the_clear_level() -> None:
    memory = empty_memory()
    for seq in range(1, 4):
        decide(memory, delivery(snapshot(seq, disk=97.0)))
    changes = [
        change for seq in range(4, 9) for change in decide(memory, delivery(snapshot(seq, disk=50.0))).batch.incidents
    ]
    [closed] = changes
    assert (closed.change, closed.severity, closed.value) == (Change.CLOSED, State.CRITICAL, 50.0)


def test_the_whole_life_fits_into_one_batch() -> None:
    values = [97.0] * 3 + [50.0] * 3
    records = [snapshot(seq, disk=value) for seq, value in enumerate(values, start=1)]
    batch = decide(empty_memory(), delivery(*records)).batch
    assert [change.change for change in batch.incidents] == [Change.OPENED, Change.CLOSED]
    assert [check.state for check in batch.checks] == [State.OK]


def test_a_disk_that_is_gone_closes_its_incident_while_others_are_reported() -> None:
    memory = empty_memory()
    for seq in range(1, 4):
        decide(memory, delivery(snapshot(seq, disk=97.0)))
    changes = [
        change
        for seq in range(4, 20)
        for change in decide(memory, delivery(snapshot(seq, var_disk=10.0))).batch.incidents
    ]
    [closed] = changes
    assert closed.change is Change.CLOSED
    assert "not reported any more" in closed.sentence


def test_a_failing_collector_closes_nothing() -> None:
    memory = empty_memory()
    for seq in range(1, 4):
        decide(memory, delivery(snapshot(seq, disk=97.0)))
    for seq in range(4, 40):
        hung = structs.replace(snapshot(seq, cpu=1.0), errors={'disk{mount="/"}': "no answer within 2 s"})
        assert not decide(memory, delivery(hung)).batch.incidents


def test_swap_that_was_switched_off_closes_its_incident() -> None:
    memory = empty_memory()
    full = {"swap.usage_percent": 99.0}
    changes: list[IncidentChange] = []
    for seq in range(1, 40):
        changes.extend(decide(memory, delivery(readings(seq, full if seq < 20 else {}))).batch.incidents)
    assert [change.change for change in changes] == [Change.OPENED, Change.CLOSED]


def test_a_clock_set_back_starts_the_wait_for_a_gone_disk_anew() -> None:
    memory = empty_memory()
    for seq in range(1, 4):
        decide(memory, delivery(snapshot(seq, disk=97.0)))
    decide(memory, delivery(snapshot(4, var_disk=1.0)))
    changes: list[IncidentChange] = []
    for seq in range(5, 30):
        earlier = structs.replace(snapshot(seq, var_disk=1.0), wall_seconds=1_000_000.0 + 5 * seq)
        changes.extend(decide(memory, delivery(earlier)).batch.incidents)
    assert [change.change for change in changes] == [Change.CLOSED]


def test_two_spikes_with_silence_between_them_are_no_incident() -> None:
    memory = empty_memory()
    decide(memory, delivery(snapshot(1, disk=97.0)))
    assert not decide(memory, delivery(snapshot(500, disk=97.0))).batch.incidents


def test_a_spike_before_a_disk_was_gone_does_not_count_when_it_is_back() -> None:
    memory = empty_memory()
    decide(memory, delivery(snapshot(1, disk=97.0)))
    for seq in range(2, 60):
        decide(memory, delivery(snapshot(seq, var_disk=1.0)))
    assert not decide(memory, delivery(snapshot(60, disk=97.0))).batch.incidents


def test_a_reading_without_the_label_of_its_rules_words_stops_nothing() -> None:
    memory = empty_memory()
    full = {"disk.usage_percent": 99.0}
    [opened] = [c for seq in range(1, 5) for c in decide(memory, delivery(readings(seq, full))).batch.incidents]
    assert opened.sentence == "disk <mount> is 99.0 % full, limit 95 %"


def test_things_that_come_and_go_are_forgotten() -> None:
    memory = empty_memory()
    for seq in range(1, 50):
        decide(memory, delivery(readings(seq, {f'disk.usage_percent{{mount="/run/{seq}"}}': 99.0})))
    assert len(memory.checks("web-3")) <= 3


def test_records_that_were_given_up_are_told() -> None:
    lost = Loss(lost_epoch=1, first_seq=2, last_seq=9, count=8, size_bytes=800, reason="full", **common("web-3", 10))
    assert decide(empty_memory(), delivery(lost)).losses == [lost]


def test_a_late_record_leaves_the_newest_reply_address() -> None:
    memory = empty_memory()
    decide(memory, delivery(snapshot(9, cpu=1.0), reply_to="new"))
    [agent] = decide(memory, delivery(snapshot(1, cpu=1.0), reply_to="old")).batch.agents
    assert agent.reply_to == "new"


def test_a_late_record_is_history_and_changes_no_state() -> None:
    memory = empty_memory()
    decide(memory, delivery(snapshot(100, disk=10.0)))
    late = decide(memory, delivery(*[snapshot(seq, disk=99.0) for seq in range(1, 50)]))
    assert len(late.batch.snapshots) == 49
    assert not late.batch.incidents
    assert not late.batch.checks
    [agent] = late.batch.agents
    assert (agent.seq, agent.snapshot_seq) == (100, 100)


def test_a_late_hello_still_tells_what_the_host_is() -> None:
    memory = empty_memory()
    decide(memory, delivery(snapshot(9, cpu=1.0)))
    [agent] = decide(memory, delivery(hello(1))).batch.agents
    assert (agent.host_name, agent.seq, agent.hello_ms) == ("host of web-3", 9, None)


def test_an_agent_does_not_retire_itself() -> None:
    memory = empty_memory()
    decide(memory, delivery(hello(1)), now_ms=1_000)
    decision = decide(memory, delivery(structs.replace(goodbye(2), reason=RETIRED)), now_ms=2_000)
    [agent] = decision.batch.agents
    assert (agent.goodbye_ms, agent.goodbye_reason, agent.is_retired) == (2_000, "stopped", False)


def test_goodbye_is_told_from_death_and_ends_with_the_next_record() -> None:
    memory = empty_memory()
    decide(memory, delivery(snapshot(1, cpu=1.0)), now_ms=1_000)
    decision = decide(memory, delivery(goodbye(2)), now_ms=2_000)
    [agent] = decision.batch.agents
    assert (agent.goodbye_ms, agent.goodbye_reason, agent.is_connected(2_000)) == (2_000, "stopped", False)
    assert decision.stopped == [agent]
    [agent] = decide(memory, delivery(hello(3)), now_ms=3_000).batch.agents
    assert agent.is_connected(3_000)


def test_a_result_ends_its_command_even_when_late() -> None:
    memory = empty_memory()
    decide(memory, delivery(snapshot(9, cpu=1.0)))
    [outcome] = decide(memory, delivery(result(3))).batch.outcomes
    assert (outcome.command_id, outcome.outcome) == ("c-1", "done")


def test_what_cannot_be_read_is_quarantined_with_its_bytes_and_its_neighbours_are_kept() -> None:
    bad = Delivery(tag=2, routing_key="web-3", body=b"{", message_id="m", headers={"x": "1"})
    batch = decide(empty_memory(), delivery(snapshot(1, cpu=1.0)), bad, delivery(snapshot(2, cpu=1.0))).batch
    assert [kept.seq for kept in batch.snapshots] == [1, 2]
    [quarantined] = batch.quarantined
    assert (quarantined.body, quarantined.reason, quarantined.message_id) == (b"{", "not-json", "m")


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("wall_seconds", -1.0, "implausible-clock"),
        ("wall_seconds", 1e300, "implausible-clock"),
        ("interval_seconds", 0.0, "implausible-interval"),
        ("interval_seconds", 0.0004, "implausible-interval"),
        ("interval_seconds", 301.0, "implausible-interval"),
        ("epoch", 2**53 - 1, "future-epoch"),
    ],
)
def test_what_no_agent_says_is_quarantined_and_freezes_nobody(field: str, value: float, reason: str) -> None:
    memory = empty_memory()
    decide(memory, delivery(snapshot(1, cpu=1.0)))
    batch = decide(memory, delivery(structs.replace(snapshot(2, cpu=1.0), **{field: value}))).batch
    assert [bad.reason for bad in batch.quarantined] == [reason]
    assert not batch.snapshots
    [agent] = decide(memory, delivery(snapshot(3, cpu=1.0))).batch.agents
    assert agent.snapshot_seq == 3


def test_a_canary_proves_the_flow_and_creates_no_agent() -> None:
    batch = decide(empty_memory(), Delivery(tag=1, routing_key=CANARY_ROUTING_KEY, body=b"1234")).batch
    assert (batch.canary_sent_ms, batch.agents, batch.quarantined) == (1234, [], [])


def moved(change: IncidentChange) -> IncidentChange:
    """The change without its times, which depend on when a record was received."""
    return replace(change, at_ms=0, received_ms=0)


@settings(deadline=None)
@given(
    values=st.lists(st.sampled_from([10.0, 83.0, 90.0, 97.0]), min_size=1, max_size=40),
    cuts=st.randoms(use_true_random=False),
)
def test_batches_may_be_cut_anywhere_and_doubled(values: list[float], cuts: random.Random) -> None:
    records = [snapshot(seq, disk=value) for seq, value in enumerate(values, start=1)]
    whole = decide(empty_memory(), *[delivery(record) for record in records]).batch
    memory, pieces = empty_memory(), []
    position = 0
    while position < len(records):
        size = cuts.randint(1, 5)
        again = records[max(0, position - cuts.randint(0, 3)) : position + size]
        pieces.append(decide(memory, *[delivery(record) for record in again]).batch)
        position += size
    assert [moved(change) for piece in pieces for change in piece.incidents] == [moved(c) for c in whole.incidents]


def test_a_rule_that_is_gone_closes_what_it_had_opened() -> None:
    memory = empty_memory()
    for seq in range(1, 4):
        decide(memory, delivery(snapshot(seq, disk=97.0)))
    decision = decide(memory, delivery(snapshot(4, disk=97.0)), rules=RuleSet([]))
    [closed] = decision.batch.incidents
    assert closed.change is Change.CLOSED
    assert closed.sentence == "the rule disk-usage is not in force any more"
    assert states(decision) == {'mount="/"': State.OK}
