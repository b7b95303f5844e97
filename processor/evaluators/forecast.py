"""When a reading will be where it must not be, told from the line it went along lately: "full in about 6 h (4 to 9 h)".

    points -> spikes out -> line through all, or the last half, quarter, eighth -> does it hold? -> hours

A wrong forecast costs trust, a missing one little: the threshold on the same metric still speaks. So each doubt is a
reason to say nothing (`NoForecast`). Nobody looks further ahead than four times as far as the line goes back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from statistics import median

from processor.evaluators.robust_slope import Line, Point, line_through, without_spikes

MS_PER_HOUR = 3_600_000
LEAST_POINTS = 12
COVERED_SHARE = 1 / 3  # of the window
LONGEST_GAP_SHARE = 1 / 24  # of the window: more than this between two points is not covered
PARTS = (1.0, 0.5, 0.25, 0.125)  # of the window, the longest that fits is believed
FARTHEST_HOURS = 30 * 24.0
HORIZON_SPANS = 4.0
LEAST_RISE_SHARE = 0.005  # of the scale: less is flat
FULL_SHARE = 0.005  # of the scale: so near it is full
NEWEST_POINTS = 15
NEWEST_SHARE = 0.01  # of the window
LATELY_SHARE = 0.25  # of the line
LEAST_PACE_SHARE = 0.25  # of the line's: slower than this lately, it has stopped
LARGEST_LEAP_SHARE = 0.25  # of the rise
BEYOND_SHARE = 1 / 3
CONTRADICTING_SPREADS = 5.0
CONTRADICTING_RISE_SHARE = 0.03


class NoForecast(StrEnum):
    """Why there is none."""

    TOO_FEW_POINTS = "too few points"
    TOO_SHORT = "less than a third of the window has points"
    FULL = "it is full already"
    FLAT = "it hardly moves"
    UNSTEADY = "some of the time it stands still or goes back"
    LEAPS = "a few large steps made it, which need not go on"
    CONTRADICTED = "the newest points left the line"
    STOPPED = "it moved much slower lately"
    CAME_DOWN = "it was as full before and came down again"
    TOO_FAR = "further ahead than the line goes back"


@dataclass(frozen=True, slots=True)
class Forecast:
    """Hours from the last point until full, between `low_hours` and `high_hours`; `pace` is the change per hour."""

    hours: float
    low_hours: float
    high_hours: float
    pace: float


def forecast(points: Sequence[Point], full_at: float, window_ms: int) -> Forecast | NoForecast:
    """What points (time in ms, value) of the last `window_ms`, in any order, say of the time when `full_at` is reached.

    From below; what is full at 0 runs out, like free bytes.
    """
    if len(points) < LEAST_POINTS:
        return NoForecast.TOO_FEW_POINTS
    ordered = sorted(points)
    values = [value for _, value in ordered]
    scale = abs(full_at) or max(map(abs, values))
    sign = 1.0 if full_at else -1.0
    left = sign * (full_at - median(value for _, value in _newest(ordered, window_ms)))
    if left <= FULL_SHARE * scale:
        return NoForecast.FULL
    if max(values) - min(values) < max(left / HORIZON_SPANS, LEAST_RISE_SHARE * scale):
        return NoForecast.FLAT  # nearly every disk: no line can be steep enough
    if _covered(ordered, window_ms * LONGEST_GAP_SHARE) < window_ms * COVERED_SHARE:
        return NoForecast.TOO_SHORT
    last = ordered[-1][0]
    rising = [((time - last) / MS_PER_HOUR, sign * (value - full_at)) for time, value in without_spikes(ordered)]
    found = _along_a_line(rising, scale, window_ms / MS_PER_HOUR)
    if isinstance(found, Forecast):
        return Forecast(found.hours, found.low_hours, found.high_hours, sign * found.pace)
    return found


def _covered(points: Sequence[Point], longest_gap: float) -> float:
    """The time between neighbours, gaps counted as no more than the longest."""
    return sum(min(later[0] - earlier[0], longest_gap) for earlier, later in pairwise(points))


def _along_a_line(rising: Sequence[Point], scale: float, window_hours: float) -> Forecast | NoForecast:
    """Points with hours, the last at 0, and values that rise to 0: along the longest part that is on a line.

    `scale` is what a rise is small against: 100 for per cent, the most that was left for what runs out.
    """
    first_doubt: NoForecast | None = None
    for share in PARTS:
        part = [point for point in rising if point[0] >= -window_hours * share]
        is_covered = _covered(part, window_hours * LONGEST_GAP_SHARE) >= window_hours * share * COVERED_SHARE
        line = line_through(part) if len(part) >= LEAST_POINTS and is_covered else None
        if line is None:
            break
        doubt = _doubt(line, part, scale, window_hours)
        if doubt is None:
            return NoForecast.CAME_DOWN if _came_down(rising, line) else _told_by(line)
        first_doubt = first_doubt or doubt
    return first_doubt or NoForecast.TOO_FEW_POINTS


def _doubt(line: Line, points: Sequence[Point], scale: float, window_hours: float) -> NoForecast | None:
    rise = line.slope * line.span
    if line.low <= 0:
        return NoForecast.UNSTEADY
    if rise < LEAST_RISE_SHARE * scale:
        return NoForecast.FLAT
    if _largest_leap(line, points) > LARGEST_LEAP_SHARE * rise:
        return NoForecast.LEAPS
    if _has_left(line, _newest(points, window_hours)):
        return NoForecast.CONTRADICTED
    lately = line_through([point for point in points if point[0] >= -line.span * LATELY_SHARE])
    if lately is not None and lately.slope < line.slope * LEAST_PACE_SHARE:
        return NoForecast.STOPPED
    if -line.level / line.slope > min(HORIZON_SPANS * line.span, FARTHEST_HOURS):
        return NoForecast.TOO_FAR
    return None


def _has_left(line: Line, newest: Sequence[Point]) -> bool:
    """Whether the newest points lie off it, by more than noise and than the time that spikes out takes."""
    off = median(value - line.level - line.slope * time for time, value in newest)
    lag = line.slope * (newest[-1][0] - newest[0][0])
    return abs(off) > max(CONTRADICTING_SPREADS * line.spread, CONTRADICTING_RISE_SHARE * line.slope * line.span, lag)


def _newest(points: Sequence[Point], window: float) -> Sequence[Point]:
    """Those of the last hundredth of the window, three at least and fifteen at most."""
    since = points[-1][0] - window * NEWEST_SHARE
    return [point for point in points[-NEWEST_POINTS:] if point[0] >= since or point in points[-3:]]


def _largest_leap(line: Line, points: Sequence[Point]) -> float:
    """The most that two points in a row go beyond the line's own pace: a step within a stretch shows in both."""
    return max(
        later[1] - earlier[1] - line.slope * (later[0] - earlier[0])
        for earlier, later in zip(points, points[2:], strict=False)
    )


def _came_down(rising: Sequence[Point], line: Line) -> bool:
    """Whether the rise is like an earlier one that ended by itself: logs that are rotated, a job of every night.

    It is until it is a third as far beyond the earlier peak as it had come down then, or a third of the way to full.
    """
    peak, fall = rising[0][1], 0.0
    highest = peak
    for _, value in rising:
        highest = max(highest, value)
        if highest - value > fall:
            peak, fall = highest, highest - value
    is_large = fall >= line.slope * line.span / 2
    return is_large and line.level < peak + min(fall, -peak) * BEYOND_SHARE


def _told_by(line: Line) -> Forecast:
    left = max(-line.level, 0.0)
    return Forecast(left / line.slope, left / line.high, min(left / line.low, FARTHEST_HOURS), line.slope)
