"""What one run of a check saw."""

from collections.abc import Callable
from dataclasses import dataclass

from agent.checks.deadline import Deadline
from agent.performance_data import Measured
from health.state import URGENCY, State


@dataclass(frozen=True, slots=True)
class Observation:
    """One of ok, warning, critical and unknown, a text for people, and what was measured on the way."""

    state: State
    output: str
    measured: tuple[Measured, ...] = ()


def worst(*observations: Observation) -> Observation:
    """All of them as one: the worst state, the texts with the worst first, everything that was measured."""
    ordered = sorted(observations, key=lambda each: URGENCY[each.state])
    text = "; ".join(each.output for each in ordered)
    return Observation(ordered[0].state, text, tuple(each for one in observations for each in one.measured))


Probe = Callable[[Deadline], Observation]
"""Makes one observation within the deadline. It may raise: TimeIsUp or anything else is then an unknown."""
