"""How many of a group's agents have the same trouble: one incident where a hundred would say less."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from health.state import URGENCY, State

IN_TROUBLE = (State.CRITICAL, State.WARNING)
MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Share:
    """`count` of `of_count` agents are in trouble; `names` are theirs, the worst first."""

    count: int
    of_count: int
    names: Sequence[str]

    @property
    def percent(self) -> float:
        return 100 * self.count / self.of_count if self.of_count else 0.0

    @property
    def worst(self) -> str:
        """At most five hosts, and how many more there are."""
        named, more = ", ".join(self.names[:MOST_NAMED]), self.count - MOST_NAMED
        return f"{named} and {more} more" if more > 0 else named


def share_in_trouble(states: Iterable[tuple[str, State]]) -> Share:
    """Of agents, each with its name and the state it is in; all but warning and critical is no trouble."""
    every = list(states)
    worst = sorted((URGENCY[state], name) for name, state in every if state in IN_TROUBLE)
    return Share(len(worst), len(every), [name for _, name in worst])
