"""The one vocabulary of states."""

from enum import StrEnum


class State(StrEnum):
    """In order of urgency: what is listed first needs somebody first.

    `unknown` is a check that could not be made. `stale` is a host that is silent, `waiting` one that never reported,
    `muted` one that people chose not to hear of: none of them is green.
    """

    CRITICAL = "critical"
    STALE = "stale"
    WARNING = "warning"
    UNKNOWN = "unknown"
    WAITING = "waiting"
    MUTED = "muted"
    OK = "ok"


URGENCY: dict[State, int] = {state: rank for rank, state in enumerate(State)}


def is_worse(state: State, other: State) -> bool:
    return URGENCY[state] < URGENCY[other]
