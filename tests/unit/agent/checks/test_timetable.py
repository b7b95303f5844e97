"""When checks run, with a clock of the test's own."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.checks.timetable import GRACE_SECONDS, MOST_AT_ONCE, SPREAD_SECONDS, Timetable
from health.state import State
from tests.unit.agent.checks.imagined import ImaginedCheck

START = 1000.0


def check(name: str = "a", interval: float = 60.0, **keys: float) -> ImaginedCheck:
    return ImaginedCheck(
        name=name,
        interval_seconds=interval,
        timeout_seconds=keys.get("timeout", 10.0),
        attempts=int(keys.get("attempts", 3)),
        retry_interval_seconds=keys.get("retry", 15.0),
    )


def run(timetable: Timetable, name: str, state: State, now: float) -> bool:
    """One run that ends at once, of a check that must be due."""
    assert name in [each.name for each in timetable.start_due(now)]
    assert timetable.end(name)
    return timetable.observe(name, state, now)


def test_first_runs_are_spread_over_the_first_interval() -> None:
    checks = [check(str(number)) for number in range(10)]
    timetable = Timetable(checks, START)
    starts = []
    for _ in range(10):
        now = timetable.next_seconds(START)
        (due,) = timetable.start_due(now)
        starts.append(now - START)
        assert timetable.end(due.name)
        timetable.observe(due.name, State.OK, now)
    assert starts == pytest.approx([SPREAD_SECONDS * number for number in range(10)])


@pytest.mark.parametrize(("count", "interval"), [(1, 1.0), (7, 1.0), (200, 60.0), (200, 1.0)])
def test_every_check_is_due_within_its_first_interval(count: int, interval: float) -> None:
    checks = [check(str(number), interval) for number in range(count)]
    started = []
    timetable = Timetable(checks, START)
    while due := timetable.start_due(START + interval * 0.999):
        started += due
        for each in due:
            timetable.end(each.name)
            timetable.observe(each.name, State.OK, START + interval * 0.999)
    assert len(started) == count


def test_a_well_check_keeps_to_the_grid_of_its_interval() -> None:
    timetable = Timetable([check()], START)
    run(timetable, "a", State.OK, START)
    assert timetable.next_seconds(START) == START + 60
    run(timetable, "a", State.OK, START + 63)
    assert timetable.next_seconds(START + 63) == START + 120
    run(timetable, "a", State.OK, START + 500)
    assert timetable.next_seconds(START + 500) == START + 540


def test_a_soft_state_is_looked_at_again_soon_and_a_hard_one_as_always() -> None:
    timetable = Timetable([check(attempts=3)], START)
    assert run(timetable, "a", State.CRITICAL, START)
    assert timetable.next_seconds(START) == START + 15
    assert not run(timetable, "a", State.CRITICAL, START + 15)
    assert timetable.next_seconds(START + 15) == START + 30
    assert not run(timetable, "a", State.CRITICAL, START + 30)
    assert timetable.next_seconds(START + 30) == START + 90


def test_a_retry_never_comes_later_than_the_next_run_would() -> None:
    timetable = Timetable([check(interval=5, retry=15)], START)
    run(timetable, "a", State.CRITICAL, START)
    assert timetable.next_seconds(START) == START + 5


def test_the_first_bad_state_and_every_change_are_told() -> None:
    timetable = Timetable([check()], START)
    seen = [State.OK, State.OK, State.CRITICAL, State.CRITICAL, State.UNKNOWN, State.OK]
    told = [run(timetable, "a", state, START + 60 * number) for number, state in enumerate(seen)]
    assert told == [False, False, True, False, True, True]


def test_few_run_at_once_and_who_waited_longest_is_next() -> None:
    checks = [check(str(number)) for number in range(7)]
    timetable = Timetable(checks, START)
    now = START + 59
    assert [each.name for each in timetable.start_due(now)] == ["0", "1", "2", "3"]
    assert timetable.start_due(now) == []
    timetable.end("2")
    timetable.observe("2", State.OK, now)
    assert [each.name for each in timetable.start_due(now)] == ["4"]


def test_one_that_takes_too_long_is_told_whenever_it_is_due_and_gives_up_its_place() -> None:
    checks = [check(str(number), timeout=10, attempts=1) for number in range(MOST_AT_ONCE + 1)]
    timetable = Timetable(checks, START)
    now = START + 59
    assert len(timetable.start_due(now)) == MOST_AT_ONCE
    assert timetable.next_seconds(now) == now + 10 + GRACE_SECONDS
    assert timetable.late(now + 11.9) == []
    now += 12
    assert [each.name for each in timetable.late(now)] == ["0", "1", "2", "3"]
    for name in "0123":
        assert timetable.observe(name, State.UNKNOWN, now)
    assert [each.name for each in timetable.start_due(now)] == ["4"]
    assert timetable.late(now) == []
    later = now + 60
    assert {each.name for each in timetable.late(later)} == set("01234")
    assert timetable.start_due(later) == []
    assert not timetable.end("0"), "what hung does not count when it ends after all"
    assert not timetable.end("4")


def test_run_now_makes_all_due_but_what_runs() -> None:
    timetable = Timetable([check("a"), check("b")], START)
    run(timetable, "a", State.OK, START)
    timetable.start_due(START + 2)
    timetable.run_now(START + 5)
    assert [each.name for each in timetable.start_due(START + 5)] == ["a"]


@dataclass
class World:
    """Plays a timetable: each run takes as long as the test drew; ends and time follow one another."""

    timetable: Timetable
    now: float = START
    ends: dict[str, float] = field(default_factory=dict)
    runs: dict[str, list[float]] = field(default_factory=dict)
    most_at_once: int = 0

    def play(self, durations: list[float], until: float) -> None:
        number = 0
        while self.now < until:
            for late in self.timetable.late(self.now):
                self.timetable.observe(late.name, State.UNKNOWN, self.now)
            for due in self.timetable.start_due(self.now):
                assert due.name not in self.ends, "a check overlaps itself"
                self.ends[due.name] = self.now + durations[number % len(durations)]
                self.runs.setdefault(due.name, []).append(self.now)
                number += 1
            wake = self.timetable.next_seconds(self.now)
            first = min(self.ends, key=lambda name: self.ends[name], default=None)
            if first is not None and self.ends[first] <= wake:
                self.now = self.ends.pop(first)
                if self.timetable.end(first):
                    self.timetable.observe(first, State.OK, self.now)
            else:
                assert wake > self.now, "it looks without anything to do"
                self.now = wake


@settings(deadline=None)
@given(
    intervals=st.lists(st.sampled_from([1.0, 5.0, 60.0]), min_size=1, max_size=20),
    durations=st.lists(st.sampled_from([0.01, 0.5, 3.0, 100.0]), min_size=1, max_size=10),
)
def test_whatever_runs_take_none_overlaps_itself_and_none_is_lost(
    intervals: list[float], durations: list[float]
) -> None:
    checks = [check(str(number), interval, timeout=2.0) for number, interval in enumerate(intervals)]
    world = World(Timetable(checks, START))
    world.play(durations, START + 600)
    assert set(world.runs) == {each.name for each in checks}


@given(count=st.integers(1, 30), interval=st.sampled_from([1.0, 10.0, 60.0]))
def test_short_runs_all_keep_their_interval(count: int, interval: float) -> None:
    checks = [check(str(number), interval) for number in range(count)]
    world = World(Timetable(checks, START))
    world.play([0.001], START + 10 * interval)
    assert {len(runs) for runs in world.runs.values()} == {10}
