"""Wrong clocks: measured, shown, corrected where people read a time."""

import pytest
from msgspec import structs

from health.state import State
from processor.clock_offset import measured_offset_ms
from processor.findings import OWN_RULES
from processor.rule_files import load_rules
from store.model import Agent, Change, IncidentChange
from tests.unit.processor.deliveries import canary, decide, delivery, empty_memory, snapshot, wall_ms

DAY_MS = 86_400_000


def test_the_lowest_difference_is_believed_at_once_and_forgotten_slowly() -> None:
    offset = measured_offset_ms(None, 1_000, 9_000, 0)
    assert offset == 8_000
    offset = measured_offset_ms(offset, 2_000, 2_100, 0)
    assert offset == 100
    offset = measured_offset_ms(offset, 3_000, 7_000, 0)
    assert 100 < offset < 400
    for _ in range(200):
        offset = measured_offset_ms(offset, 3_000, 7_000, 0)
    assert offset == pytest.approx(4_000, abs=20)


def test_a_clock_that_is_set_right_is_believed_at_once() -> None:
    assert measured_offset_ms(-DAY_MS, 0, 50, 10_000) == 50
    assert measured_offset_ms(-26_000, 0, 50, 10_000) == 50
    assert measured_offset_ms(-24_000, 0, 50, 10_000) < -22_000, "it may have waited that long"


@pytest.mark.parametrize("interval_seconds", [5.0, 300.0])
def test_what_follows_a_clock_set_right_is_told_in_right_time(interval_seconds: float) -> None:
    memory, told = empty_memory(), list[IncidentChange]()
    for seq in range(1, 12):
        made_ms = wall_ms(0) + round(1000 * interval_seconds) * seq
        ahead_ms = 600_000 if seq < 4 else 0
        record = structs.replace(
            snapshot(seq, disk=99.0 if seq >= 5 else 1.0),
            wall_seconds=(made_ms + ahead_ms) / 1000,
            interval_seconds=interval_seconds,
        )
        told += decide(memory, canary(made_ms), delivery(record), now_ms=made_ms, monotonic_ms=made_ms).batch.incidents
        told = [change for change in told if change.change is not Change.RESTATED]
    opened, closed, full = told
    assert (opened.key.rule, closed.key.rule, closed.change, closed.seq) == ("clock-skew", "clock-skew", "closed", 4)
    made_ms = wall_ms(0) + round(1000 * interval_seconds) * full.seq
    assert (full.key.rule, full.at_ms) == ("disk-usage", made_ms)


@pytest.mark.parametrize(("skew_ms", "words"), [(45_000, "45 s behind"), (-DAY_MS, "86,400 s ahead of")])
def test_a_wrong_clock_is_a_warning_until_it_is_right(skew_ms: int, words: str) -> None:
    memory = empty_memory()
    changes: list[IncidentChange] = []
    for seq in range(1, 300):
        off_ms = skew_ms if seq < 20 else 0
        changes += decide(memory, delivery(snapshot(seq, cpu=1.0)), now_ms=wall_ms(seq) + off_ms).batch.incidents
    opened, closed = changes
    assert (opened.change, opened.severity, opened.key.rule, opened.seq) == (
        Change.OPENED,
        State.WARNING,
        "clock-skew",
        1,
    )
    assert words in opened.sentence
    assert "timedatectl" in opened.sentence
    assert (opened.metric, opened.value) == ("clock.offset_seconds", skew_ms / 1000)
    assert (closed.change, closed.key) == (Change.CLOSED, opened.key)


def test_the_offset_is_kept_with_the_agent() -> None:
    [agent] = decide(empty_memory(), delivery(snapshot(1, cpu=1.0)), now_ms=wall_ms(1) + 7_000).batch.agents
    assert agent.clock_offset_ms == 7_000


def test_a_late_snapshot_measures_no_clock() -> None:
    agents: list[Agent] = []
    memory = empty_memory()
    agents += decide(memory, delivery(snapshot(1, cpu=1.0)), now_ms=wall_ms(1)).batch.agents
    agents += decide(memory, delivery(snapshot(2, cpu=1.0), waited_seconds=600)).batch.agents
    assert [agent.clock_offset_ms for agent in agents] == [0, 0]


@pytest.mark.parametrize(("off_ms", "shown_off_ms"), [(DAY_MS, DAY_MS), (-DAY_MS, -DAY_MS), (1_500, 0)])
def test_incidents_are_told_in_corrected_time(off_ms: int, shown_off_ms: int) -> None:
    memory, at = empty_memory(), []
    for seq in range(1, 20):
        value = 99.0 if seq < 10 else 1.0
        batch = decide(memory, delivery(snapshot(seq, disk=value)), now_ms=wall_ms(seq) + off_ms).batch
        at += [change.at_ms - wall_ms(change.seq) for change in batch.incidents if change.key.rule == "disk-usage"]
    assert at == [shown_off_ms, shown_off_ms]


def test_a_step_of_the_clock_bends_no_hold_time() -> None:
    memory = empty_memory()
    crossing = [structs.replace(snapshot(seq, disk=99.0), wall_seconds=wall_ms(seq) / 1000 - 3_600) for seq in (1, 2)]
    for record in crossing:
        assert not decide(memory, delivery(record), now_ms=round(record.wall_seconds * 1000)).batch.incidents


def test_no_rule_file_uses_a_name_of_the_processors_own() -> None:
    assert not OWN_RULES & {rule.rule_id for rule in load_rules()}
