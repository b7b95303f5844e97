"""The state machine: how one observation moves a check. Pure; the agent and the processor use the same one.

    ok --worse once--> ok, pending (soft) --again and again, for long enough--> critical (hard)
    critical --better once--> critical, pending ok --for long enough--> ok
    any --changes too often--> flapping: the state goes on being known, people hear of it once

Each step names its reason, so that what people read and what tests hold is the same word.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar

from health.flapping import flaps, observed
from health.state import State, is_worse


class Reason(StrEnum):
    """Why a step did what it did. Those from CONFIRMED on change what people are told."""

    STEADY = "steady"  # as before
    PENDING = "pending"  # something else was observed; not often or not long enough yet
    DISMISSED = "dismissed"  # what was pending is over before it counted
    CONFIRMED = "confirmed"  # pending long enough: the state is worse
    EASED = "eased"  # pending long enough: better, and not ok
    RECOVERED = "recovered"  # pending long enough: ok
    FLAPPING = "flapping"  # it began to change too often
    SETTLED = "settled"  # it changes no more too often


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often in a row, and for how long, something else must be observed before it counts."""

    attempts: int = 1
    hold_ms: int = 0
    clear_attempts: int = 1
    clear_hold_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a check stands: the hard `state`, and what is `pending` (soft) with how many observations in a row.

    `value` is the one that moved it last. `history` are the states observed last (health.flapping). A check that flaps
    does so since `flapping_since_ms`.
    """

    state: State
    since_ms: int
    value: float
    pending: State | None = None
    pending_since_ms: int | None = None
    attempt: int = 0
    history: int = 0
    flapping_since_ms: int | None = None

    @property
    def is_plain(self) -> bool:
        """Whether it is as good as none: ok, nothing pending, nothing remembered."""
        return self.state is State.OK and self.pending is None and not self.history


Moved = TypeVar("Moved", bound=Standing)


def step(standing: Moved, target: State, value: float, at_ms: int, patience: Patience) -> tuple[Moved, Reason]:
    """One observation: `target` is what it would be if it counted at once.

    1. A target equal to the state ends whatever was pending.
    2. Any other must be observed `attempts` times in a row and last for the hold time to get worse; the same, with the
       clear ones, to get better. What is pending is the mildest target seen since, so that one spike does not decide.
    3. Each observed state is remembered: the hard one where a hold time filters what is short, else the target itself.
       Who changes too often flaps; a change of the state then is kept and told to nobody.
    """
    moved, reason = _advance(standing, target, value, at_ms, patience)
    seen = moved.state if patience.hold_ms or patience.clear_hold_ms else target
    history = observed(standing.history, seen)
    if history == standing.history:
        return moved, reason
    was_flapping = standing.flapping_since_ms is not None
    flapping = flaps(history, was_flapping=was_flapping)
    if flapping == was_flapping:
        return replace(moved, history=history), reason
    since_ms = at_ms if flapping else None
    return (
        replace(moved, history=history, flapping_since_ms=since_ms),
        Reason.FLAPPING if flapping else Reason.SETTLED,
    )


def settled(standing: Moved) -> Moved:
    """The same without anything pending: after a silence nothing counts as having lasted."""
    if standing.pending is None:
        return standing
    return replace(standing, pending=None, pending_since_ms=None, attempt=0)


def _advance(standing: Moved, target: State, value: float, at_ms: int, patience: Patience) -> tuple[Moved, Reason]:
    state = standing.state
    if target is state:
        if standing.pending is None:
            return standing, Reason.STEADY
        return replace(settled(standing), value=value), Reason.DISMISSED
    pending, since_ms, attempt = _pending(standing, target, at_ms)
    worse = is_worse(pending, state)
    attempts, hold_ms = (
        (patience.attempts, patience.hold_ms) if worse else (patience.clear_attempts, patience.clear_hold_ms)
    )
    if attempt < attempts or at_ms - since_ms < hold_ms:
        held = replace(standing, value=value, pending=pending, pending_since_ms=since_ms, attempt=attempt)
        return held, Reason.PENDING
    reason = Reason.CONFIRMED if worse else Reason.RECOVERED if pending is State.OK else Reason.EASED
    changed = replace(
        standing, state=pending, since_ms=at_ms, value=value, pending=None, pending_since_ms=None, attempt=0
    )
    return changed, reason


def _pending(standing: Standing, target: State, at_ms: int) -> tuple[State, int, int]:
    """What is pending, since when and how often; a turn from better to worse, or a clock set back, starts anew."""
    pending, since_ms = standing.pending, standing.pending_since_ms
    if pending is None or since_ms is None or since_ms > at_ms:
        return target, at_ms, 1
    worse = is_worse(target, standing.state)
    if is_worse(pending, standing.state) != worse:
        return target, at_ms, 1
    if not worse:
        return target, since_ms, standing.attempt + 1
    return (pending if is_worse(target, pending) else target), since_ms, standing.attempt + 1
