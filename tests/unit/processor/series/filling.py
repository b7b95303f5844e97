"""Disks, minute by minute in per cent, with what is known of the time at which they are full."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tests.unit.processor.series.shapes import (
    DAY,
    HOUR,
    Shape,
    bursts,
    level,
    night_job,
    noisy,
    ramp,
    stairs,
    steps,
    teeth,
    then,
    wandering,
    with_cycle,
    with_wild_values,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """`values` has one number a minute, None where the agent was away.

    It is full at the minute `full`, never when that is None. From `excused` to `excused_until` a warning is wrong and
    cannot be helped, `note` says why.
    """

    name: str
    values: Sequence[float | None]
    full: float | None = None
    excused: int = 0
    excused_until: int = 0
    note: str = ""

    def hours_left(self, minute: int) -> float | None:
        return None if self.full is None else (self.full - minute) / HOUR


def fillings() -> list[Filling]:
    """Every generated series, always the same."""
    return [*that_fill(), *that_do_not(), *that_wander()]


def that_fill() -> list[Filling]:
    fill, fifty = ramp(20, 1.6), 50 * HOUR
    emptied = then(ramp(40, 2.5), 18 * HOUR, ramp(30, 3.0))
    return [
        _filling("linear fill", fill, fifty),
        _filling("fill in the last part of a flat day", then(level(50), DAY, ramp(50, 4.0)), DAY + 12.5 * HOUR),
        _filling("fill with noise", noisy(fill, 1.5, seed=1), fifty),
        _filling("fill with heavy noise", noisy(fill, 4.0, seed=2), fifty),
        _filling("fill by a step each hour", stairs(20, 1.6), fifty),
        _filling("fill by bursts", bursts(20, 1.6, seed=3, minutes=fifty), fifty),
        _filling("fill with wild readings", with_wild_values(fill, seed=4), fifty),
        _filling("fill under a daily cycle", with_cycle(ramp(15, 1.1), 4.0), 75 * HOUR),
        _away(_filling("fill with gaps", fill, fifty), [(8, 11), (20, 22), (30, 34)]),
        _filling("fill that gathers speed", lambda at: 30 + 70 * (at / fifty) ** 3, fifty),
        _filling("emptied, then filling again", emptied, 18 * HOUR + 70 / 3 * HOUR, excused_until=18 * HOUR),
    ]


def that_do_not() -> list[Filling]:
    day_by_day = "until it has come down once nobody can know"
    return [
        _quiet("flat", level(63)),
        _quiet("flat with noise", noisy(level(63), 1.0, seed=5)),
        _quiet("nearly full and flat", noisy(level(98.5), 0.1, seed=6)),
        _quiet("always full, as a read-only image is", level(100)),
        _quiet("growth by 2.4 % a day", noisy(ramp(50, 0.1), 0.2, seed=7)),
        _quiet("sawtooth of 6 hours: rotated logs", teeth(55, 85, 6 * HOUR)),
        _quiet("sawtooth of a day: rotated logs", teeth(40, 85, DAY), until=DAY, note=day_by_day),
        _quiet(
            "sawtooth of a day on a slow growth",
            lambda at: teeth(40, 70, DAY)(at) + 5 * at / DAY,
            until=DAY,
            note=day_by_day,
        ),
        _quiet("one step up", then(level(40), 30 * HOUR, level(75))),
        _quiet("three steps up within a day", steps(40, 12, (20, 27, 33))),
        _quiet("one step down", then(level(80), 30 * HOUR, level(35))),
        _quiet("daily cycle", with_cycle(level(60), 15.0)),
        _quiet("night job, 2 hours up", night_job(50, 14.0, hours=2)),
        _quiet("night job, 4 hours up", night_job(50, 9.0, hours=4)),
        _quiet("growth that stopped", then(ramp(30, 0.5), DAY, level(42))),
        _quiet(
            "fast growth that stopped",
            then(then(level(30), DAY, ramp(30, 5.0)), DAY + 8 * HOUR, level(70)),
            excused=DAY,
            until=DAY + 9 * HOUR,
            note="it grew until then",
        ),
        _away(_quiet("night job with gaps", night_job(50, 9.0, hours=4)), [(27, 30), (51, 54), (70, 80)]),
    ]


def that_wander() -> list[Filling]:
    return [_quiet(f"wandering without aim, {seed}", wandering(60, 1.0, seed, 4 * DAY)) for seed in range(8, 14)]


def _filling(name: str, shape: Shape, full: float, excused_until: int = 0) -> Filling:
    values = [min(max(shape(at), 0.0), 100.0) for at in range(round(full))]
    return Filling(name=name, values=values, full=full, excused_until=excused_until)


def _quiet(name: str, shape: Shape, *, excused: int = 0, until: int = 0, note: str = "") -> Filling:
    values = [min(max(shape(at), 0.0), 100.0) for at in range(4 * DAY)]
    return Filling(name=name, values=values, excused=excused, excused_until=until, note=note)


def _away(filling: Filling, hours: Sequence[tuple[int, int]]) -> Filling:
    """The agent sent nothing during these hours."""
    gone = {minute for first, last in hours for minute in range(first * HOUR, last * HOUR)}
    return replace(filling, values=[None if at in gone else value for at, value in enumerate(filling.values)])
