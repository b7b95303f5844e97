"""What a rule is: what is watched, when it becomes a warning or critical, and in which words people hear of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from health.rule import Threshold
from health.state import State
from store.model import Step


class Kind(StrEnum):
    """What the value is that a rule's levels judge. Snapshots bring the first three, timers compute the others."""

    THRESHOLD = "threshold"  # the reading
    RATE = "rate"  # its change per second over `window_ms`
    ABSENCE = "absence"  # seconds since an agent that reported the metric reported it last
    FORECAST = "forecast"  # hours until the reading is at `full_at`
    ANOMALY = "anomaly"  # how many usual spreads the reading is away from its usual of this hour
    FLEET = "fleet"  # per cent of the group's agents whose check of the rule `of` is in trouble


TIMED = frozenset({Kind.FORECAST, Kind.ANOMALY, Kind.FLEET})


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """What is observed, and the state it must end in.

    `values` are readings, one each `interval_seconds`; None is a snapshot without the reading. `series` is whatever
    else a kind's examples need, by name, as the file has it.
    """

    name: str
    ends: State
    interval_seconds: float = 5.0
    values: Sequence[float | None] = ()
    series: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(Threshold):
    """Levels on what its kind computes from one metric; each label set that is reported is a check of its own.

    It holds for the agents of `groups`, for every agent when there are none. `steps` say what to do about its
    incidents, where `{label}` is a label's value. The fields from `full_at` on are those of single kinds: a forecast's,
    an anomaly's (`days` of history, the least spread that counts), a fleet's (a rule's id, and how many agents must be
    in the group at least).
    """

    kind: Kind = Kind.THRESHOLD
    groups: frozenset[str] = frozenset()
    window_ms: int = 0
    examples: Sequence[Example] = ()
    steps: Sequence[Step] = ()
    full_at: float = 100.0
    days: int = 14
    minimum_spread: float = 0.0
    of: str = ""
    minimum_agents: int = 3

    def is_for(self, group: str) -> bool:
        return not self.groups or group in self.groups
