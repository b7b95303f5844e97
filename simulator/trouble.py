"""The troubles that can be had: what each does to a host's levels, or to the agent itself. One entry per kind."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from simulator.levels import Levels

RISE_SECONDS = 30.0  # until a disk or the memory is as full as it gets
SWING_SECONDS = 20.0
BEHIND_SECONDS = 600.0
CALM_REPORTS = 2  # before the trouble begins, so that it is seen to begin

Change = Callable[[Levels, float], Levels]
"""From the levels of good health and the seconds since the trouble began to the levels that are reported."""


def unchanged(levels: Levels, _age_seconds: float) -> Levels:
    return levels


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """`meaning` is the line of the help text."""

    meaning: str
    change: Change = unchanged
    falls_silent: bool = False
    clock_behind_seconds: float = 0.0
    shares_identity: bool = False


def _fill_disk(levels: Levels, age_seconds: float) -> Levels:
    return replace(levels, var=_rising(levels.var, 100.0, age_seconds))


def _use_up_memory(levels: Levels, age_seconds: float) -> Levels:
    return replace(levels, memory=_rising(levels.memory, 98.5, age_seconds))


def _burn(levels: Levels, _age_seconds: float) -> Levels:
    return replace(levels, cpu=99.0)


def _flap(levels: Levels, age_seconds: float) -> Levels:
    return replace(levels, var=78.0 if int(age_seconds // SWING_SECONDS) % 2 else 88.0)


def _rising(start: float, end: float, age_seconds: float) -> float:
    return start + (end - start) * min(1.0, age_seconds / RISE_SECONDS)


NO_TROUBLE = Trouble(meaning="none")

TROUBLES: Mapping[str, Trouble] = MappingProxyType(
    {
        "disk-full": Trouble(meaning="/var fills up to 100 % within 30 s", change=_fill_disk),
        "memory-pressure": Trouble(meaning="memory fills up to 98 % within 30 s", change=_use_up_memory),
        "cpu-burn": Trouble(meaning="the CPU is 99 % busy", change=_burn),
        "silent": Trouble(meaning="reports stop without a goodbye", falls_silent=True),
        "flapping": Trouble(meaning="/var goes above its limit and back below every 20 s", change=_flap),
        "clock-skew": Trouble(meaning="the clock is 10 min behind", clock_behind_seconds=BEHIND_SECONDS),
        "duplicate-id": Trouble(meaning="the last agent has the first one's id", shares_identity=True),
    }
)
