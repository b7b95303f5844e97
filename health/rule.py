"""What a threshold is: when a value becomes a warning or critical, and in which words people hear of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from health.machine import Patience
from health.state import State, is_worse


class Words(dict[str, object]):
    """Labels and values for a rule's words; a label the reading does not have shows as its name, and stops nothing."""

    def __missing__(self, name: str) -> str:
        return f"<{name}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """Entered beyond `limit`, left again on the other side of `clear`, so that a value on the limit does not flap."""

    limit: float
    clear: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """Levels on one metric; each label set that is reported is a check of its own.

    `levels` holds warning, critical or both. `sign` is 1 where high values are bad, -1 where low ones are. `title` and
    `sentence` are format strings over the labels, `value` and `limit`.
    """

    rule_id: str
    metric: str
    levels: Mapping[State, Level]
    patience: Patience
    title: str
    sentence: str
    sign: int = 1

    def target(self, state: State, value: float) -> State:
        """What this value says, given the state in force: a level in force ends only beyond its clear level."""
        signed = value * self.sign
        for candidate in (State.CRITICAL, State.WARNING):
            level = self.levels.get(candidate)
            if level is None:
                continue
            in_force = not is_worse(candidate, state)
            if signed > level.limit * self.sign or (in_force and signed >= level.clear * self.sign):
                return candidate
        return State.OK

    def limit_for(self, state: State) -> float:
        """The limit people are told: the one of this state, or of the mildest level when all is well again."""
        level = self.levels.get(state) or self.levels.get(State.WARNING) or self.levels[State.CRITICAL]
        return level.limit
