"""When something is full: the line, its range, and every reason to say nothing."""

import random
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.forecast_table import PAGE, forecast_trials, row
from health.state import State
from processor.evaluators.forecast import Forecast, NoForecast, forecast
from processor.evaluators.robust_slope import Point, line_through, without_spikes
from processor.forecasts import NO_END_HOURS, in_words
from processor.rule import Example
from processor.rule_examples import wrong_examples
from processor.rule_files import load_rules
from processor.track import MOST_POINTS, Track

HOUR_MS = 3_600_000
WINDOW_MS = 24 * HOUR_MS
HEIGHTS = st.floats(-1000, 1000)


def along(*corners: tuple[float, float], count: int = 97) -> list[Point]:
    """So many points at equal times on straight lines between corners of hours and values."""
    first, last = corners[0][0], corners[-1][0]
    return [
        (at * HOUR_MS, _height(corners, at)) for at in (first + (last - first) * n / (count - 1) for n in range(count))
    ]


def tracked(*corners: tuple[float, float]) -> list[Point]:
    """What a track makes of a sample each minute on these lines."""
    track = Track(WINDOW_MS)
    for minute in range(round(corners[0][0] * 60), round(corners[-1][0] * 60) + 1):
        track.add(minute * 60_000, _height(corners, minute / 60))
    return track.points()


def wavy(height: float, points: list[Point]) -> list[Point]:
    """Three points as they are, three as much higher, and so on."""
    return [(time, value + height * (place % 6 // 3)) for place, (time, value) in enumerate(points)]


def _height(corners: tuple[tuple[float, float], ...], at: float) -> float:
    for (begins, start), (ends, end) in pairwise(corners):
        if at <= ends:
            return start + (end - start) * (at - begins) / (ends - begins)
    return corners[-1][1]


def verdict(found: Forecast | NoForecast) -> str:
    """What people hear: nothing, a warning or worse."""
    if isinstance(found, NoForecast):
        return "nothing"
    return "critical" if found.hours < 4 else "warning" if found.hours < 24 else "nothing"


@st.composite
def noisy_points(draw: st.DrawFn) -> list[Point]:
    values = draw(st.lists(HEIGHTS, min_size=12, max_size=60))
    return [(float(place), value) for place, value in enumerate(values)]


@given(noisy_points(), HEIGHTS, st.floats(0.01, 100), st.floats(0.01, 100))
@settings(deadline=None)
def test_the_slope_goes_along_with_shifts_and_scales(points: list[Point], up: float, by: float, slower: float) -> None:
    line = line_through(points)
    changed = line_through([(time * slower + 7, value * by + up) for time, value in points])
    assert line is not None
    assert changed is not None
    for name in ("slope", "low", "high"):
        assert getattr(changed, name) == pytest.approx(getattr(line, name) * by / slower, rel=1e-6, abs=1e-3 / slower)
    assert changed.spread == pytest.approx(line.spread * by, rel=1e-6, abs=1e-3)
    assert line.low <= line.slope <= line.high


def test_a_sixth_of_wild_points_does_not_bend_the_line() -> None:
    wild = {5: 900.0, 6: 900.0, 30: -500.0, 31: -500.0, 32: -500.0, 55: 900.0, 56: 900.0, 57: 900.0, 58: 900.0}
    line = line_through([(float(place), wild.get(place, 2.0 * place)) for place in range(60)])
    assert line is not None
    assert (line.slope, line.level) == pytest.approx((2.0, 118.0), rel=0.01)


@given(st.integers(0, 10**6), st.floats(0.0, 4.0), st.floats(0, 3))
@settings(deadline=None, max_examples=60)
def test_the_order_of_the_points_does_not_matter(seed: int, per_hour: float, noise: float) -> None:
    chance = random.Random(seed)
    points = [(time, value + chance.gauss(0, noise)) for time, value in along((0, 30), (20, 30 + 20 * per_hour))]
    shuffled = chance.sample(points, len(points))
    assert forecast(shuffled, 200, WINDOW_MS) == forecast(points, 200, WINDOW_MS)


@given(st.integers(20, 120), st.data(), st.floats(-1e6, 1e6), st.sampled_from([0.0, 1.0, 2.0, 3.0]))
@settings(deadline=None, max_examples=150)
def test_one_wild_value_among_twenty_changes_no_verdict(
    count: int, data: st.DataObject, wild: float, per_hour: float
) -> None:
    points = along((0, 35), (20, 35 + 20 * per_hour), count=count)
    place = data.draw(st.integers(0, count - 1))
    spoilt = [*points[:place], (points[place][0], wild), *points[place + 1 :]]
    assert verdict(forecast(spoilt, 100, WINDOW_MS)) == verdict(forecast(points, 100, WINDOW_MS))


def test_a_steady_fill_is_foretold_to_the_minute() -> None:
    found = forecast(along((0, 40), (20, 80)), 100, WINDOW_MS)
    assert isinstance(found, Forecast)
    assert (found.hours, found.pace) == pytest.approx((10, 2), rel=0.02)
    assert found.low_hours <= found.hours <= found.high_hours


def test_a_pace_that_changes_widens_the_range() -> None:
    found = forecast(tracked((0, 30), (8, 54), (16, 62), (24, 80)), 100, WINDOW_MS)
    assert isinstance(found, Forecast)
    assert found.low_hours < 10 < found.hours < 14 < found.high_hours


def test_what_runs_out_at_zero_is_foretold_as_well() -> None:
    found = forecast(along((0, 5e9), (20, 1e9)), 0, WINDOW_MS)
    assert isinstance(found, Forecast)
    assert (found.hours, found.pace) == pytest.approx((5, -2e8), rel=0.02)
    assert not isinstance(forecast(along((0, 1e9), (20, 5e9)), 0, WINDOW_MS), Forecast)


def test_a_fill_that_began_lately_is_told_from_its_own_part() -> None:
    found = forecast(tracked((0, 40), (20, 40), (24, 72)), 100, WINDOW_MS)
    assert isinstance(found, Forecast)
    assert found.hours == pytest.approx(3.5, rel=0.1)


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        (along((0, 40), (20, 80), count=11), NoForecast.TOO_FEW_POINTS),
        (along((0, 40), (7, 54)), NoForecast.TOO_SHORT),
        ([*along((0, 10), (2, 14), count=10), *along((20, 50), (22, 54), count=10)], NoForecast.TOO_SHORT),
        (along((0, 60), (24, 60)), NoForecast.FLAT),
        (along((0, 60), (24, 62)), NoForecast.FLAT),
        (tracked((0, 60), (20, 100), (24, 100)), NoForecast.FULL),
        (tracked((0, 80), (24, 40)), NoForecast.UNSTEADY),
        (tracked((0, 40), (22, 84), (22.1, 40), (24, 41)), NoForecast.UNSTEADY),
        (wavy(20, along((0, 40), (24, 75))), NoForecast.UNSTEADY),
        (wavy(10, along((0, 40), (24, 75))), NoForecast.LEAPS),
        (tracked((0, 40), (23, 86), (23.1, 62), (23.2, 62)), NoForecast.CONTRADICTED),
        (wavy(6, along((0, 30), (19, 75), (24, 76))), NoForecast.STOPPED),
        (tracked((0, 40), (8, 64), (8.1, 40), (20, 70)), NoForecast.CAME_DOWN),
    ],
)
def test_each_doubt_is_a_reason_to_say_nothing(points: list[Point], reason: NoForecast) -> None:
    assert forecast(points, 100, WINDOW_MS) is reason


def test_nobody_looks_further_ahead_than_the_line_goes_back() -> None:
    wavy = [(at, value + 5 * (place % 24 == 0)) for place, (at, value) in enumerate(along((0, 40), (24, 52)))]
    assert forecast([*wavy, (wavy[-1][0] + 1, 52.0)], 100, WINDOW_MS) in (NoForecast.FLAT, NoForecast.TOO_FAR)
    month = 40 * 24
    assert not isinstance(forecast(along((0, 0), (month, 50)), 100, month * HOUR_MS), Forecast)


def test_numbers_near_the_largest_are_no_line() -> None:
    points = [(time, value * 1e306) for time, value in along((0, 40), (20, 80))]
    assert not isinstance(forecast(points, 100e306, WINDOW_MS), Forecast) or verdict(
        forecast(points, 100e306, WINDOW_MS)
    )
    wild = [(time, (-1) ** place * 1.7e308) for place, (time, _) in enumerate(points)]
    assert isinstance(forecast(wild, 100, WINDOW_MS), NoForecast)


def test_a_spike_leaves_no_trace_and_an_end_no_gap() -> None:
    points = along((0, 0), (5, 5), count=6)
    assert without_spikes([*points[:2], (points[2][0], 999.0), *points[3:]])[2][1] == 3
    assert len(without_spikes(points)) == 6
    assert without_spikes(points[:2]) == points[:2]


def test_a_track_keeps_a_point_for_each_stretch_and_the_newest_samples() -> None:
    track = Track(WINDOW_MS)
    for minute in range(3 * 24 * 60):
        track.add(minute * 60_000, float(minute))
    points = track.points()
    assert len(points) <= MOST_POINTS + 17
    assert all(value == pytest.approx(time / 60_000) for time, value in points)
    assert min(time for time, _ in points) >= 2 * WINDOW_MS - WINDOW_MS / MOST_POINTS
    before = track.points()
    track.add(track.last_ms - 30_000, 0.0)
    assert track.points() == before, "a sample a little older than the newest is left out"
    track.add(1_000, 0.0)
    assert {time for time, _ in track.points()} == {1_000}, "a clock that was set back begins anew"


@pytest.mark.parametrize(
    ("found", "outlook"),
    [
        (Forecast(6.2, 4.1, 9.4, 3.14159), "will be full in about 6 h (4 to 9 h), at 3.1 % per hour"),
        (Forecast(6.2, 6.1, 6.3, 3.0), "will be full in about 6 h, at 3 % per hour"),
        (Forecast(0.75, 0.5, 1.0, 40.0), "will be full in about 45 min (30 to 60 min), at 40 % per hour"),
        (Forecast(100.0, 70.0, 150.0, 0.25), "will be full in about 4 days (3 to 6 days), at 0.25 % per hour"),
        (NoForecast.CAME_DOWN, "is not foreseen to fill up now: it was as full before and came down again"),
    ],
)
def test_a_forecast_in_words(found: Forecast | NoForecast, outlook: str) -> None:
    value, words = in_words(found, "disk.usage_percent")
    assert words["outlook"] == outlook
    assert value == (found.hours if isinstance(found, Forecast) else NO_END_HOURS)


@pytest.mark.parametrize("series", [{"path": "steep"}, {"path": [[0, 1]]}, {}, {"path": [[0, 1], [1, 2]], "paht": 1}])
def test_an_example_that_cannot_be_read_is_named(series: dict[str, object]) -> None:
    [rule] = [rule for rule in load_rules() if rule.rule_id == "disk-full-soon"]
    example = Example(name="mine", ends=State.OK, series=series)
    [problem] = wrong_examples(replace(rule, examples=[example]))
    assert problem.startswith("examples: 'mine' cannot be read: ")


def test_the_table_of_series_with_known_answers() -> None:
    trials = forecast_trials()
    assert {trial.name for trial in trials if trial.misses} == set()
    assert {trial.name: trial.false_alarms for trial in trials if trial.false_alarms} == {"recorded: CPU in use": 1}
    assert sum(trial.hits > 0 for trial in trials) == sum(trial.answer != "never full" for trial in trials) >= 12
    assert sum(trial.excused for trial in trials) == 4
    assert {row(trial) for trial in trials} <= set(PAGE.read_text("utf-8").splitlines()), (
        "python -m deploy.forecast_table"
    )
