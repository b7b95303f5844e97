"""A replay whose time is over says so, whatever it was reading."""

from collections.abc import Iterable, Iterator

import pytest

from processor.replay_course import Course, Limit
from processor.replayed_fleet import ReplayedFleet
from store.model import Agent, KeptSnapshot
from store.replays import Announcement

SINCE_MS, UNTIL_MS = 1_790_000_000_000, 1_790_000_600_000
SECONDS = 25.0


class Clock:
    """Goes forward by what reading took."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def hellos(clock: Clock, *at_ms: int, seconds_each: float = 10.0) -> Iterator[Announcement]:
    for wall_ms in at_ms:
        clock.now += seconds_each
        yield Announcement(wall_ms=wall_ms, agent_id="a", group="web")


def run(clock: Clock, announcements: Iterable[Announcement], snapshots: Iterable[KeptSnapshot] = ()) -> Course:
    fleet = ReplayedFleet([Agent(agent_id="a", first_seen_ms=0, last_seen_ms=0)], SINCE_MS, lambda *_: {})
    course = Course(fleet, [], SINCE_MS, Limit(1_000, SECONDS, clock))
    course.run(snapshots, announcements, UNTIL_MS, has_turns=True)
    return course


def taken(at_ms: int) -> KeptSnapshot:
    return KeptSnapshot(agent_id="a", epoch=1, seq=1, wall_ms=at_ms, received_ms=at_ms, readings={})


@pytest.mark.parametrize("at_ms", [SINCE_MS - 5_000, SINCE_MS + 5_000])
def test_announcements_that_are_read_slowly_end_as_a_cut(at_ms: int) -> None:
    clock = Clock()
    course = run(clock, hellos(clock, *range(at_ms, at_ms + 9)))
    assert (course.ended, course.reached_ms, course.began_ms) == ("25 s were over", SINCE_MS, None)
    assert clock.now == 30.0, "the rest was not read"


def test_a_cut_among_announcements_says_no_more_than_what_was_run_over() -> None:
    clock = Clock()
    course = run(clock, hellos(clock, *range(SINCE_MS + 2_000, SINCE_MS + 2_009)), [taken(SINCE_MS + 1_000)])
    assert (course.ended, course.reached_ms, course.snapshots) == ("25 s were over", SINCE_MS + 1_000, 1)
    assert clock.now == 30.0


def test_announcements_in_time_end_nothing() -> None:
    clock = Clock()
    course = run(clock, hellos(clock, SINCE_MS, SINCE_MS + 1))
    assert (course.ended, course.reached_ms) == ("", UNTIL_MS)
