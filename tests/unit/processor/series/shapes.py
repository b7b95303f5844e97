"""Shapes of series: functions from a minute to a value, and what may be done to them. Every chance has its seed."""

import math
import random
from collections.abc import Callable, Sequence

HOUR = 60
DAY = 24 * HOUR

Shape = Callable[[int], float]


def level(value: float) -> Shape:
    return lambda _: value


def ramp(start: float, per_hour: float) -> Shape:
    return lambda at: start + per_hour * at / HOUR


def steps(start: float, height: float, hours: Sequence[float]) -> Shape:
    return lambda at: start + height * sum(at >= hour * HOUR for hour in hours)


def stairs(start: float, per_hour: float) -> Shape:
    """A step at each full hour."""
    return lambda at: start + per_hour * (at // HOUR)


def teeth(low: float, high: float, every_minutes: int) -> Shape:
    return lambda at: low + (high - low) * (at % every_minutes) / every_minutes


def night_job(base: float, per_hour: float, hours: int) -> Shape:
    """Up from two o'clock on for so many hours, kept for one, then gone until the next night."""

    def shape(at: int) -> float:
        into = at % DAY - 2 * HOUR
        return base + per_hour * min(into / HOUR, hours) if 0 <= into < (hours + 1) * HOUR else base

    return shape


def then(shape: Shape, minute: int, later: Shape) -> Shape:
    """`later` begins at the minute, as if that were its first."""
    return lambda at: shape(at) if at < minute else later(at - minute)


def with_cycle(shape: Shape, height: float, every_minutes: int = DAY) -> Shape:
    return lambda at: shape(at) + height * math.sin(2 * math.pi * at / every_minutes)


def noisy(shape: Shape, sigma: float, seed: int) -> Shape:
    return lambda at: shape(at) + random.Random(seed * 1_000_003 + at).gauss(0, sigma)


def with_wild_values(shape: Shape, seed: int, one_in: int = 200) -> Shape:
    """One reading in so many is anything from 0 to 100."""

    def wild(at: int) -> float:
        chance = random.Random(seed * 1_000_003 + at)
        return chance.uniform(0, 100) if chance.randrange(one_in) == 0 else shape(at)

    return wild


def bursts(start: float, per_hour: float, seed: int, minutes: int) -> Shape:
    """Some minutes add a lot, most nothing, so many per hour in the mean."""
    chance = random.Random(seed)
    return _summed(
        start, [chance.expovariate(1) * per_hour / 4 if chance.random() < 4 / HOUR else 0.0 for _ in range(minutes)]
    )


def wandering(start: float, per_hour: float, seed: int, minutes: int) -> Shape:
    """Up and down by chance and without aim, so far in an hour; it turns at 5 and at 95."""
    chance, value, path = random.Random(seed), start, list[float]()
    for _ in range(minutes):
        value += chance.gauss(0, per_hour / math.sqrt(HOUR))
        value = 10 - value if value < 5 else 190 - value if value > 95 else value
        path.append(value)
    return path.__getitem__


def _summed(start: float, changes: Sequence[float]) -> Shape:
    path = [start]
    for change in changes:
        path.append(path[-1] + change)
    return path.__getitem__
