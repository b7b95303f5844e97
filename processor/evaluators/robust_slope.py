"""A straight line through points that a few wild ones do not bend: the median of the slopes between pairs of points.

Source: H. Theil, "A rank-invariant method of linear and polynomial regression analysis", 1950, and P. K. Sen,
"Estimates of the regression coefficient based on Kendall's tau", 1968.

Two things are our own. Only pairs at least a quarter of the span apart count: neighbours tell of noise, not of the
pace. And the range of the slope goes from the 10th to the 90th percentile of the pairs' slopes: it says how much the
pace changed. Sen's interval says how well a line is known whose errors are independent; those of a disk never are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from statistics import median

Point = tuple[float, float]
"""Time, in any unit, and value."""

LONG_SHARE = 0.25 - 1e-9  # so that rounding does not decide which pairs count
RANGE_SHARE = 0.1
SIGMA_PER_MAD = 1.4826  # of a normal distribution


@dataclass(frozen=True, slots=True)
class Line:
    """`level` is its value at the last point; `slope`, from `low` to `high`, is per unit of time; `span` is of time.

    `spread` is the standard deviation of the points around it, wild ones aside.
    """

    level: float
    slope: float
    low: float
    high: float
    span: float
    spread: float


def line_through(points: Sequence[Point]) -> Line | None:
    """The line through these points, given in order of time; None when they span no time or more than numbers hold."""
    times, values = [time for time, _ in points], [value for _, value in points]
    span = times[-1] - times[0] if times else 0.0
    if span <= 0:
        return None
    slopes = sorted(_slopes(times, values, span * LONG_SHARE))
    slope = median(slopes)
    heights = [value - slope * (time - times[-1]) for time, value in points]
    level = median(heights)
    if not isfinite(slope * span + level):
        return None
    last = len(slopes) - 1
    return Line(
        level=level,
        slope=slope,
        low=slopes[int(last * RANGE_SHARE)],
        high=slopes[last - int(last * RANGE_SHARE)],
        span=span,
        spread=spread_around(level, heights),
    )


def spread_around(centre: float, values: Sequence[float]) -> float:
    """The standard deviation that normal values with this median deviation from the centre would have."""
    return SIGMA_PER_MAD * median(abs(value - centre) for value in values)


def without_spikes(points: Sequence[Point]) -> list[Point]:
    """Points in order of time, each value the median of itself and its neighbours: one wild value leaves no trace."""
    if len(points) < 3:
        return list(points)
    values = [value for _, value in points]
    middle = [sorted(values[place - 1 : place + 2])[1] for place in range(1, len(values) - 1)]
    smooth = [middle[0], *middle, middle[-1]]
    return [(time, value) for (time, _), value in zip(points, smooth, strict=True)]


def _slopes(times: Sequence[float], values: Sequence[float], shortest: float) -> list[float]:
    slopes: list[float] = []
    second = 0
    for first, (time, value) in enumerate(zip(times, values, strict=True)):
        while second < len(times) and (times[second] - time < shortest or second <= first):
            second += 1
        slopes += [(later - value) / (at - time) for at, later in zip(times[second:], values[second:], strict=True)]
    return slopes
