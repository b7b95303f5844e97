"""Loads per core, minute by minute over weeks, with what is known of when they are unusual."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from tests.unit.processor.series.shapes import DAY, HOUR, Shape

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)  # a Monday
WEEK = 7 * DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """`shape` gives the value of a minute; from `begins` to `ends` it is looked at, with all the weeks before known.

    It is unusual from and to the minutes of `unusual`; `away` are days on which the agent was not there.
    """

    name: str
    shape: Shape
    begins: int = 4 * WEEK
    ends: int = 5 * WEEK
    unusual: Sequence[tuple[int, int]] = ()
    away: frozenset[int] = frozenset()
    note: str = ""

    def is_unusual(self, minute: int) -> bool:
        return any(first <= minute < last for first, last in self.unusual)


def usuals() -> list[Usual]:
    """Every series, always the same."""
    tuesday = 4 * WEEK + DAY
    shift = (tuesday + 9 * HOUR, 4 * WEEK + 3 * DAY)
    return [
        Usual(name="weekly cycle: busy on workdays", shape=_office(1)),
        Usual(name="weekly cycle, the second week that is known", shape=_office(2), begins=WEEK + DAY, ends=2 * WEEK),
        _with("spike of two hours", _office(3), (tuesday + 14 * HOUR, tuesday + 16 * HOUR), 5.0),
        _with("spike of five minutes", _office(4), (tuesday + 14 * HOUR, tuesday + 14 * HOUR + 5), 5.0, counts=False),
        _with("level shift", _office(5), shift, 4.0),
        _with("a service that stopped", lambda at: 4 * _office(6)(at), (tuesday + 9 * HOUR, tuesday + 15 * HOUR), 0.0),
        Usual(name="quiet night with small blips", shape=_blips(7)),
        Usual(name="job of every night", shape=lambda at: _office(8)(at) + (3.0 if 120 <= at % DAY < 200 else 0.0)),
        Usual(
            name="job of every Sunday",
            shape=lambda at: _office(9)(at) + (3.0 if 120 <= at % WEEK - 6 * DAY < 200 else 0.0),
        ),
        _with(
            "holiday",
            lambda at: 4 * _office(10)(at),
            (tuesday + 9 * HOUR, tuesday + 17 * HOUR),
            0.1,
            note="it is unusual; nobody told the rule of holidays",
        ),
        Usual(name="the week after a holiday", shape=_holiday(11), begins=4 * WEEK + DAY),
        Usual(name="missing days", shape=_office(12), away=frozenset(range(16, 21))),
        _with(
            "spike after missing days",
            _office(13),
            (tuesday + 14 * HOUR, tuesday + 16 * HOUR),
            5.0,
            away=frozenset(range(16, 21)),
        ),
        _with(
            "spike when hardly a day is known",
            _office(14),
            (tuesday + 14 * HOUR, tuesday + 16 * HOUR),
            5.0,
            away=frozenset(range(25)),
            counts=False,
        ),
        Usual(name="wild by nature", shape=_wild(15)),
    ]


def _office(seed: int) -> Shape:
    """0.1 at night and on Sundays, up to 0.9 on workdays, with noise."""

    def shape(at: int) -> float:
        day, hour = at % WEEK // DAY, at % DAY / HOUR
        busy = 0.8 if day < 5 and 8 <= hour < 18 else 0.0
        return 0.1 + busy * random.Random(seed * 1_000_003 + at).uniform(0.8, 1.2)

    return shape


def _blips(seed: int) -> Shape:
    return lambda at: 0.02 + (0.5 if random.Random(seed * 1_000_003 + at).random() < 0.02 else 0.0)


def _wild(seed: int) -> Shape:
    """Each ten minutes something else: a few are ten times the median."""
    return lambda at: 0.3 * random.Random(seed * 1_000_003 + at // 10).lognormvariate(0, 1.0)


def _holiday(seed: int) -> Shape:
    office = _office(seed)
    return lambda at: 0.1 if at // DAY == 21 else 4 * office(at)


def _with(
    name: str,
    shape: Shape,
    minutes: tuple[int, int],
    factor: float,
    *,
    counts: bool = True,
    away: frozenset[int] = frozenset(),
    note: str = "",
) -> Usual:
    """The series, so many times as high during these minutes."""
    first, last = minutes

    def changed(at: int) -> float:
        return shape(at) * (factor if first <= at < last else 1.0)

    return Usual(
        name=name,
        shape=changed,
        ends=4 * WEEK + 3 * DAY,
        unusual=[minutes] if counts else [],
        away=away,
        note=note,
    )
