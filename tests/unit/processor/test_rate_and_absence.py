"""Rules that look back: how fast a reading changes, and how long it has been missing."""

from collections.abc import Mapping

from health.rule import Level
from health.state import State
from processor.evaluators.rate import MOST_POINTS, Points, per_second, remembered
from processor.memory import FleetMemory
from processor.rule import Kind
from processor.rule_set import RuleSet
from store.model import Change, FleetState, IncidentChange
from tests.unit.processor.deliveries import canary, decide, delivery, empty_memory, readings
from tests.unit.processor.rules_of_tests import falling, rule

RATE = RuleSet([rule("leak", "memory", limit=2.0, kind=Kind.RATE, window_ms=60_000)])
ABSENCE = RuleSet([rule("backup-missing", "backup", limit=30.0, kind=Kind.ABSENCE)])


def fed(
    memory: FleetMemory, values: Mapping[int, float | None], rules: RuleSet, metric: str
) -> list[tuple[Change, int, float]]:
    """What happens when snapshots with these numbers have these values; None is one without the reading.

    How long something is absent already is said anew each minute: that is no change.
    """
    changes: list[IncidentChange] = []
    for seq, value in values.items():
        named = {"other": 1.0} if value is None else {metric: value}
        changes += decide(memory, delivery(readings(seq, named)), rules=rules).batch.incidents
    told = [change for change in changes if change.change is not Change.RESTATED]
    return [(change.change, change.seq, change.value) for change in told]


def restarted(memory: FleetMemory) -> FleetMemory:
    """What another processor knows of the agent once it has taken over, its queue drained."""
    agent = memory.agent("web-3")
    assert agent is not None
    checks = {check.key: check for check in memory.checks("web-3").values()}
    restored = FleetMemory(FleetState(agents={"web-3": agent}, checks=checks))
    decide(restored, canary(0))
    return restored


def test_a_rise_is_judged_once_half_of_its_window_is_covered() -> None:
    rising = {seq: 100.0 + 15 * seq for seq in range(1, 30)}  # 3 a second
    assert fed(empty_memory(), rising, RATE, "memory") == [(Change.OPENED, 7, 3.0)]


def test_it_ends_when_the_rise_has_left_the_window() -> None:
    memory = empty_memory()
    values = {seq: 100.0 + 15 * min(seq, 10) for seq in range(1, 40)}
    [_, (change, seq, value)] = fed(memory, values, RATE, "memory")
    assert (change, seq) == (Change.CLOSED, 19)
    assert value == 0.75
    assert memory.checks("web-3").keys() <= {("leak", "")}


def test_after_a_silence_the_rate_begins_anew() -> None:
    values = {1: 0.0, 2: 0.0, 9: 90_000.0, 10: 90_000.0, 11: 90_000.0, 14: 90_000.0, 15: 90_000.0}
    assert fed(empty_memory(), values, RATE, "memory") == []


def test_a_reading_that_was_missing_once_begins_anew() -> None:
    values: dict[int, float | None] = {1: 0.0, 2: None, **dict.fromkeys(range(3, 30), 9000.0)}
    assert fed(empty_memory(), values, RATE, "memory") == []


def test_a_falling_rate_can_be_bad_too() -> None:
    rules = RuleSet([falling("drain", "water", limit=-2.0, kind=Kind.RATE, window_ms=60_000)])
    sinking = {seq: 10_000.0 - 15 * seq for seq in range(1, 30)}
    assert fed(empty_memory(), sinking, rules, "water") == [(Change.OPENED, 7, -3.0)]


def test_what_is_remembered_is_bounded_whatever_the_window() -> None:
    points: Points = ()
    for place in range(5_000):
        points = remembered(points, place * 1_000, float(place), 3_600_000)
        assert len(points) <= MOST_POINTS + 2
    assert per_second(points, 3_600_000) == 1.0
    assert points[-1][0] - points[0][0] >= 3_500_000


def test_a_clock_set_back_makes_no_rate() -> None:
    points = remembered(remembered((), 90_000, 1.0, 60_000), 5_000, 2.0, 60_000)
    assert points == ((5_000, 2.0),)
    assert per_second(points, 60_000) is None


def test_a_metric_that_was_reported_and_is_missing_for_too_long_is_absent() -> None:
    values: dict[int, float | None] = {1: 1.0, 2: 1.0, **dict.fromkeys(range(3, 20)), 20: 1.0}
    assert fed(empty_memory(), values, ABSENCE, "backup") == [(Change.OPENED, 9, 35.0), (Change.CLOSED, 20, 0.0)]


def test_a_metric_that_was_never_reported_is_not_absent() -> None:
    assert fed(empty_memory(), dict.fromkeys(range(1, 40)), ABSENCE, "backup") == []


def test_any_reading_of_the_metric_will_do() -> None:
    memory = empty_memory()
    assert fed(memory, {1: 1.0, 2: 1.0}, ABSENCE, 'backup{disk="a"}') == []
    assert fed(memory, dict.fromkeys(range(3, 30), 1.0), ABSENCE, 'backup{disk="b"}') == []


def test_a_silence_of_the_host_is_no_absence() -> None:
    values: dict[int, float | None] = {1: 1.0, 500: None, 503: None, 506: None}
    memory = empty_memory()
    assert fed(memory, values, ABSENCE, "backup") == []
    later = fed(memory, {507: None}, ABSENCE, "backup")
    assert later == [(Change.OPENED, 507, 35.0)]


def test_a_processor_that_takes_over_closes_no_absence_by_forgetting() -> None:
    memory = empty_memory()
    fed(memory, {1: 1.0, **dict.fromkeys(range(2, 20))}, ABSENCE, "backup")
    restored = restarted(memory)
    assert fed(restored, dict.fromkeys(range(20, 40)), ABSENCE, "backup") == []
    assert fed(restored, {40: 1.0}, ABSENCE, "backup") == [(Change.CLOSED, 40, 0.0)]


def test_an_absence_goes_on_to_be_critical_in_the_next_processor() -> None:
    levels = {State.WARNING: Level(limit=30, clear=10), State.CRITICAL: Level(limit=120, clear=60)}
    rules, memory = RuleSet([rule("backup-missing", "backup", kind=Kind.ABSENCE, levels=levels)]), empty_memory()
    fed(memory, {1: 1.0, **dict.fromkeys(range(2, 20))}, rules, "backup")
    restored = restarted(memory)
    assert fed(restored, dict.fromkeys(range(20, 40)), rules, "backup") == [(Change.WORSENED, 26, 125.0)]
