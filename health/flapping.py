"""Flapping, after Nagios: the weighted share of changes among the last 21 observed states.

    percent = 100 / 20 * sum of the weights of the changes; weights rise evenly from 0.8 (oldest) to 1.2 (newest)

Source: Nagios Core documentation, "Detection and Handling of State Flapping". A check flaps from 30 % on and until it
falls below 20 %, Nagios' own limits for services.
"""

from health.state import State

REMEMBERED = 21
BEGINS_AT_PERCENT = 30.0
ENDS_BELOW_PERCENT = 20.0

_CODES = {State.OK: 0, State.WARNING: 1, State.CRITICAL: 2, State.UNKNOWN: 3}
_STATES = {code: state for state, code in _CODES.items()}
_BITS = 2
_ALL = (1 << _BITS * REMEMBERED) - 1
_WEIGHTS = [1.2 - 0.4 * age / (REMEMBERED - 2) for age in range(REMEMBERED - 1)]  # newest first


def observed(history: int, state: State) -> int:
    """The history with one more state: 21 states of two bits each, the newest in the lowest. 0: nothing but ok."""
    return (history << _BITS | _CODES[state]) & _ALL


def states(history: int) -> list[State]:
    """The remembered states, newest first."""
    return [_STATES[history >> _BITS * age & 3] for age in range(REMEMBERED)]


def change_percent(history: int) -> float:
    """How much the check changed lately: 0 never, 100 at every observation."""
    changed = (history ^ history >> _BITS) & _ALL >> _BITS
    if not changed:
        return 0.0
    weight = sum(weight for age, weight in enumerate(_WEIGHTS) if changed >> _BITS * age & 3)
    return 100 * weight / (REMEMBERED - 1)


def changes(history: int) -> int:
    """How many times the state changed among those remembered."""
    return sum(1 for age in range(REMEMBERED - 1) if (history ^ history >> _BITS) >> _BITS * age & 3)


def flaps(history: int, *, was_flapping: bool) -> bool:
    return change_percent(history) >= (ENDS_BELOW_PERCENT if was_flapping else BEGINS_AT_PERCENT)
