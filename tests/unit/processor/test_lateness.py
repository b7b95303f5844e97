"""What is late is history, and raises no alert of now."""

from collections.abc import Sequence

import pytest

from health.state import State
from processor.delivery import Delivery
from processor.lateness import CanaryTimes, is_late, read_canary, write_canary
from processor.memory import FleetMemory
from rabbitmq.topology import CANARY_ROUTING_KEY
from store.model import Change, FleetState, IncidentChange
from tests.unit.processor.deliveries import canary, decide, delivery, empty_memory, hello, snapshot, wall_ms

BACKLOG = range(10, 250)  # 20 minutes at 5 s


def opened(changes: Sequence[IncidentChange]) -> list[tuple[Change, int]]:
    return [(change.change, change.seq) for change in changes]


def agent_times(memory: FleetMemory) -> tuple[int, int | None, int | None]:
    agent = memory.agent("web-3")
    assert agent is not None
    return agent.last_seen_ms, agent.snapshot_received_ms, agent.snapshot_ms


def test_a_canary_reads_back() -> None:
    times = CanaryTimes(1_790_000_000_123, "c0ffee", 77)
    assert read_canary(write_canary(times)) == times
    assert read_canary(b"1790000000123") == CanaryTimes(1_790_000_000_123)


@pytest.mark.parametrize("body", [b"", b"x", b"1 2", b"1 2 x", b"1 2 3 4", b"\xff", "1\u0661 t 2".encode()])
def test_what_is_no_canary_is_said(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"canary|invalid|ordinal|expected"):
        read_canary(body)
    assert decide(empty_memory(), Delivery(tag=1, routing_key=CANARY_ROUTING_KEY, body=body)).batch.quarantined


@pytest.mark.parametrize(
    ("spool_age_ms", "queue_age_ms", "interval_ms", "late"),
    [
        (0, 15_000, 5_000, False),
        (1, 15_000, 5_000, True),
        (15_001, 0, 5_000, True),
        (15_001, 0, 10_000, False),
        (-9_000, 15_000, 5_000, False),
        (-9_000, 15_001, 5_000, True),
        (None, 0, 5_000, True),
        (0, None, 5_000, True),
    ],
)
def test_late_is_older_than_silence_may_be(
    spool_age_ms: int | None, queue_age_ms: int | None, interval_ms: int, late: bool
) -> None:
    assert is_late(spool_age_ms, queue_age_ms, interval_ms) is late


def test_everything_is_late_until_a_canary_of_this_process_comes_back() -> None:
    memory = FleetMemory(FleetState(agents={}, checks={}))
    old = Delivery(tag=1, routing_key=CANARY_ROUTING_KEY, body=b"5000")
    decide(memory, old, canary(5_000, token="another"), delivery(snapshot(1, cpu=1.0)), monotonic_ms=5_000)
    assert agent_times(memory)[1:] == (None, wall_ms(1))
    decide(memory, canary(5_000), delivery(snapshot(2, cpu=1.0)), monotonic_ms=6_000)
    assert agent_times(memory) == (wall_ms(2), wall_ms(2), wall_ms(2))


def test_what_waited_in_a_full_queue_is_late_until_a_younger_canary_comes() -> None:
    memory = empty_memory()
    decide(memory, delivery(snapshot(1, cpu=1.0)), monotonic_ms=15_000)
    assert agent_times(memory)[1] == wall_ms(1)
    decide(memory, delivery(snapshot(2, cpu=1.0)), monotonic_ms=15_001)
    assert agent_times(memory) == (wall_ms(1), wall_ms(1), wall_ms(2))
    decide(memory, canary(14_000), delivery(snapshot(3, cpu=1.0)), monotonic_ms=20_000)
    assert agent_times(memory) == (wall_ms(3), wall_ms(3), wall_ms(3))


def test_a_canary_of_a_batch_that_was_not_kept_measures_nothing() -> None:
    memory = empty_memory()
    decide(memory, delivery(snapshot(1, cpu=1.0)), canary(90_000), monotonic_ms=90_000)
    assert agent_times(memory)[1] is None  # it came before the canary
    assert memory.canary_monotonic_ms == 90_000


def test_the_clocks_of_agent_and_processor_need_not_agree() -> None:
    memory = empty_memory()
    decide(memory, delivery(snapshot(1, cpu=1.0)), now_ms=wall_ms(1) + 86_400_000)
    assert agent_times(memory)[1] == wall_ms(1) + 86_400_000
    decide(memory, delivery(snapshot(2, cpu=1.0), waited_seconds=16), now_ms=wall_ms(2))
    assert agent_times(memory)[1:] == (wall_ms(1) + 86_400_000, wall_ms(2))


def test_a_crossing_that_ended_within_the_backlog_is_history_and_no_news() -> None:
    memory = empty_memory()
    for seq in range(1, 10):
        decide(memory, delivery(snapshot(seq, disk=50.0)))
    values = {seq: 99.0 if 50 <= seq < 200 else 50.0 for seq in BACKLOG}
    late = decide(
        memory, *[delivery(snapshot(seq, disk=value), waited_seconds=1_200) for seq, value in values.items()]
    ).batch
    live = [decide(memory, delivery(snapshot(seq, disk=50.0))).batch for seq in range(250, 275)]
    assert [kept.seq for kept in late.snapshots] == list(BACKLOG)
    assert memory.ledgers("web-3")[1].gaps == []
    assert opened(late.incidents) == [(Change.OPENED, 52), (Change.CLOSED, 202)]
    assert all(change.is_late for change in late.incidents)
    assert [change for batch in live for change in batch.incidents] == []
    assert memory.checks("web-3") == {}
    assert memory.unheard("web-3") == set()


def test_a_crossing_that_is_still_there_becomes_news_with_the_first_live_record() -> None:
    memory = empty_memory()
    decide(memory, delivery(snapshot(1, disk=50.0)))
    late = decide(memory, *[delivery(snapshot(seq, disk=99.0), waited_seconds=600) for seq in BACKLOG]).batch
    assert [(change.change, change.seq, change.is_late) for change in late.incidents] == [(Change.OPENED, 12, True)]
    assert agent_times(memory) == (wall_ms(249), wall_ms(249), wall_ms(249))
    [news] = decide(memory, delivery(snapshot(250, disk=98.0))).batch.incidents
    assert (news.change, news.severity, news.seq, news.is_late) == (Change.WORSENED, State.CRITICAL, 250, False)
    assert news.sentence == "disk / is 98.0 % full, limit 95 %"
    assert not decide(memory, delivery(snapshot(251, disk=98.0))).batch.incidents


def test_a_trouble_that_a_live_record_finds_over_was_never_news() -> None:
    memory = empty_memory()
    decide(memory, *[delivery(snapshot(seq, disk=99.0), waited_seconds=600) for seq in BACKLOG])
    live = [
        change
        for seq in range(250, 255)
        for change in decide(memory, delivery(snapshot(seq, disk=9.0))).batch.incidents
    ]
    assert [(change.change, change.is_late) for change in live] == [(Change.CLOSED, False)]
    assert memory.unheard("web-3") == set()


def test_a_processor_that_takes_over_still_knows_what_nobody_heard_of() -> None:
    memory = empty_memory()
    decide(memory, *[delivery(snapshot(seq, disk=99.0), waited_seconds=600) for seq in BACKLOG])
    agent, checks = memory.agent("web-3"), memory.checks("web-3").values()
    assert agent is not None
    keys = {check.key: check for check in checks}
    restored = FleetMemory(FleetState(agents={"web-3": agent}, checks=keys, unheard=list(keys)))
    decide(restored, canary(0))
    [news] = decide(restored, delivery(snapshot(250, disk=99.0))).batch.incidents
    assert (news.change, news.is_late) == (Change.WORSENED, False)


def test_a_late_record_closes_nothing() -> None:
    memory = empty_memory()
    for seq in range(1, 5):
        decide(memory, delivery(snapshot(seq, disk=99.0)))
    late = decide(memory, *[delivery(snapshot(seq, disk=5.0), waited_seconds=600) for seq in BACKLOG]).batch
    assert late.incidents == []
    gone = decide(memory, *[delivery(snapshot(250 + seq, cpu=1.0), waited_seconds=600) for seq in BACKLOG]).batch
    assert gone.incidents == []
    assert [check.state for check in memory.checks("web-3").values()] == [State.CRITICAL]
    live = decide(memory, delivery(snapshot(500, disk=5.0))).batch
    assert opened(live.incidents) == [(Change.CLOSED, 500)]


def test_an_agent_that_joins_by_a_late_record_is_not_taken_for_present() -> None:
    memory = empty_memory()
    decide(memory, delivery(hello(1), waited_seconds=600))
    agent = memory.agent("web-3")
    assert agent is not None
    assert agent.last_seen_ms == wall_ms(1)
    assert not agent.is_connected(wall_ms(1) + 600_000)


def test_a_processor_that_is_behind_knows_that_its_hosts_lived_until_then() -> None:
    memory = empty_memory()
    decide(memory, delivery(snapshot(1, cpu=1.0)), now_ms=wall_ms(1))
    for seq in range(2, 20):
        now_ms = wall_ms(seq) + 30_000
        decide(memory, canary(now_ms - 30_000), delivery(snapshot(seq, cpu=1.0)), now_ms=now_ms, monotonic_ms=now_ms)
    agent = memory.agent("web-3")
    assert agent is not None
    assert (agent.last_seen_ms, agent.snapshot_received_ms) == (wall_ms(19), wall_ms(19))
    assert not agent.is_fresh(wall_ms(19) + 30_000)
