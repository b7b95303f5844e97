"""What a rule is: when a reading becomes a warning or critical, and in which words people hear of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from health.state import State


class Words(dict[str, object]):
    """Labels and values for a rule's words; a label the reading does not have shows as its name, and stops nothing."""

    def __missing__(self, name: str) -> str:
        return f"<{name}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """Entered above `above`, left again below `clear_below`, so that a value on the limit does not flap."""

    above: float
    clear_below: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A series of values, one each `interval_seconds`, and the state it must end in."""

    name: str
    interval_seconds: float
    values: Sequence[float]
    ends: State


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A threshold on one metric; each label set that is reported is a check of its own.

    `levels` holds warning, critical or both. `title` and `sentence` are format strings over the labels, `value` and
    `limit`.
    """

    rule_id: str
    metric: str
    levels: Mapping[State, Level]
    hold_ms: int
    clear_hold_ms: int
    title: str
    sentence: str
    examples: Sequence[Example]
