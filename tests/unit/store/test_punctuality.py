"""How punctual a list of receipts is."""

from hypothesis import given
from hypothesis import strategies as st

from store.punctuality import Punctuality, judged

INTERVAL_MS = 5_000


def judge(*receipts: int, end_ms: int = 60_000) -> Punctuality:
    return judged(list(receipts), INTERVAL_MS, 0, end_ms)


def test_who_reports_each_interval_is_wholly_punctual() -> None:
    seen = judge(*range(5_000, 60_000, 5_000))
    assert (seen.snapshots, seen.due, seen.in_time, seen.ratio) == (11, 11, 11, 1.0)
    assert seen.longest_pause_ms == 5_000


def test_five_seconds_late_is_in_time_and_more_is_not() -> None:
    assert judge(10_000, end_ms=12_000).ratio == 1.0
    late = judge(10_001, end_ms=12_000)
    assert (late.due, late.in_time) == (2, 0)


def test_a_pause_counts_as_the_reports_that_are_missing() -> None:
    seen = judge(5_000, 35_000, end_ms=36_000)
    assert (seen.due, seen.in_time, seen.longest_pause_ms) == (7, 1, 30_000)


def test_a_pause_that_lasts_counts_too() -> None:
    seen = judge(5_000, end_ms=60_000)
    assert (seen.due, seen.in_time, seen.longest_pause_ms) == (12, 1, 55_000)


def test_what_comes_out_of_turn_makes_nobody_punctual() -> None:
    seen = judge(5_000, 5_001, 5_002, 35_000, 35_010, end_ms=36_000)
    assert (seen.snapshots, seen.due, seen.in_time) == (5, 7, 1)


def test_when_nothing_was_due_there_is_no_ratio() -> None:
    assert judged([], INTERVAL_MS, 0, 9_000).ratio is None
    assert judged([], INTERVAL_MS, 9_000, 0).ratio is None


@given(
    pauses=st.lists(st.integers(0, 100_000), max_size=50),
    interval_ms=st.integers(1, 300_000),
    after_ms=st.integers(0, 1_000_000),
)
def test_never_more_in_time_than_due(pauses: list[int], interval_ms: int, after_ms: int) -> None:
    receipts = [sum(pauses[: place + 1]) for place in range(len(pauses))]
    seen = judged(receipts, interval_ms, 0, sum(pauses) + after_ms)
    assert 0 <= seen.in_time <= seen.due
    assert seen.ratio is None or 0 <= seen.ratio <= 1


def test_an_interval_that_no_agent_has_stops_nobody() -> None:
    assert judged([10_000, 20_000], 0, 0, 30_000).in_time == 0
