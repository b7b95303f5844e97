"""What is unusual for this hour, and what is not enough to say so."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.forecast_table import PAGE, anomaly_trials, row
from processor.anomalies import HOUR_MS, MOMENT_MS, MOMENTS_AN_HOUR, in_words, moments
from processor.evaluators.anomaly import Unusual, unusual

AT = datetime(2024, 1, 30, 14, 30, tzinfo=UTC)  # a Tuesday
CALM = [1.0, 1.1, 0.9, 1.0]


def days(values: Mapping[int, Sequence[float]]) -> dict[date, Sequence[float]]:
    """By how many days ago."""
    return {(AT - timedelta(days=ago)).date(): seen for ago, seen in values.items()}


WEEK = days(dict.fromkeys(range(1, 8), CALM))


@pytest.mark.parametrize(("now", "spreads"), [(4.0, 20.0), (0.0, 1 / 0.15), (1.0, 0.0), (1.15, 0.0)])
def test_both_directions_count_and_what_the_hour_has_seen_does_not(now: float, spreads: float) -> None:
    found = unusual([now] * 5, WEEK, AT, minimum_spread=0.15)
    assert found is not None
    assert found.spreads == pytest.approx(spreads)
    assert (found.value, found.usual) == pytest.approx((now, 1.0))


def test_three_days_of_the_same_weekday_are_compared_alone() -> None:
    earlier = days({ago: [9.0] * 4 if ago % 7 == 0 else CALM for ago in range(1, 22)})
    found = unusual([9.1], earlier, AT, 0.1)
    assert found is not None
    assert (found.usual, found.spreads, found.when) == (9.0, 0.0, "for Tuesdays 14:00 UTC")
    low = unusual([1.0], earlier, AT, 0.1)
    assert low is not None
    assert low.spreads == pytest.approx(8 / 0.9)


def test_the_first_day_of_its_kind_in_the_past_speaks_for_it() -> None:
    earlier = days({ago: [9.0] * 4 if ago == 7 else CALM for ago in range(1, 8)})
    found = unusual([9.1], earlier, AT, 0.1)
    assert found is not None
    assert found.spreads == 0
    both = unusual([30.0], earlier, AT, 0.1)
    assert both is not None
    assert both.usual == 9.0, "the nearer of the two is what people hear of"


def test_a_job_of_a_part_of_the_hour_is_usual_when_half_of_the_days_have_it() -> None:
    half = days({ago: [1, 1, 1, 1, 1, 1, 1, 5.0 if ago % 2 else 1] for ago in range(1, 8)})
    rare = days({ago: [1, 1, 1, 1, 1, 1, 1, 5.0 if ago == 3 else 1] for ago in range(1, 8)})
    found, odd = unusual([5.0], half, AT, 0.1), unusual([5.0], rare, AT, 0.1)
    assert found is not None
    assert odd is not None
    assert found.spreads == 0
    assert odd.spreads == pytest.approx(40)


@given(st.integers(1, 7), st.floats(-1e6, 1e6))
def test_one_odd_day_in_the_past_changes_nothing(ago: int, wild: float) -> None:
    spoilt = days({day: [wild] * 4 if day == ago and day != 7 else CALM for day in range(1, 8)})
    found = unusual([4.0] * 5, spoilt, AT, minimum_spread=0.15)
    assert found is not None
    assert found.spreads > 6


@pytest.mark.parametrize(
    ("newest", "earlier"),
    [
        ([], WEEK),
        ([9.0], days(dict.fromkeys(range(1, 4), CALM))),
        ([9.0], days(dict.fromkeys(range(1, 8), CALM[:2]))),
    ],
)
def test_too_little_is_no_verdict(newest: Sequence[float], earlier: Mapping[date, Sequence[float]]) -> None:
    assert unusual(newest, earlier, AT, 0.1) is None
    assert unusual([9.0], WEEK, AT, 0.1, least_days=8) is None


def test_without_any_spread_everything_else_is_unusual() -> None:
    still = days(dict.fromkeys(range(1, 8), [0.0] * 4))
    found, same = unusual([1e-9], still, AT, 0.0), unusual([0.0], still, AT, 0.0)
    assert found is not None
    assert same is not None
    assert found.spreads >= 1000
    assert same.spreads == 0


@pytest.mark.parametrize(
    ("found", "comparison"),
    [
        (Unusual(8.0, 3.2, 1.0, "for Tuesdays 14:00 UTC"), "is 3.2, 3.2 times its usual 1 for Tuesdays 14:00 UTC"),
        (Unusual(8.0, 0.05, 1.0, "for 14:00 UTC"), "is 0.05, 0.05 times its usual 1 for 14:00 UTC"),
        (Unusual(8.0, 3.0, 0.0, "for 14:00 UTC"), "is 3, far from its usual 0 for 14:00 UTC"),
        (None, "has too little history to compare"),
    ],
)
def test_an_anomaly_in_words(found: Unusual | None, comparison: str) -> None:
    value, words = in_words(found)
    assert words["comparison"] == comparison
    assert value == (8.0 if found else 0.0)


def test_the_moments_of_an_hour_are_spread_over_it_and_always_the_same() -> None:
    every = moments(5 * HOUR_MS)
    assert every == moments(5 * HOUR_MS)
    assert [(at - 5 * HOUR_MS) // 300_000 for at in every] == list(range(MOMENTS_AN_HOUR))
    assert all(at % 300_000 <= 300_000 - MOMENT_MS for at in every)
    assert len({at % 300_000 for at in every}) > 6, "a job of every 5 minutes must not always be met"


def test_the_table_of_series_with_known_answers() -> None:
    trials = anomaly_trials()
    assert {
        trial.name: (trial.misses, trial.false_alarms) for trial in trials if trial.misses or trial.false_alarms
    } == {}
    assert sum(trial.hits > 0 for trial in trials) == sum(trial.answer != "as usual" for trial in trials) == 5
    assert {row(trial) for trial in trials} <= set(PAGE.read_text("utf-8").splitlines()), (
        "python -m deploy.forecast_table"
    )
