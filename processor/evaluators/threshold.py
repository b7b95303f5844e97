"""A value against its limits, with hysteresis and hold time."""

from dataclasses import replace

from health.state import URGENCY, State
from processor.rule import Rule
from store.model import Check


def evaluate(rule: Rule, check: Check, value: float, at_ms: int) -> Check:
    """One step of a check.

    1. The target is the worst level whose limit is passed; a level that is in force ends only below its clear level.
    2. A target equal to the present state ends whatever was pending.
    3. Any other target must last: the hold time to get worse, the clear hold time to get better. What is pending is the
       mildest target seen since, so that one spike at the end does not decide.
    """
    target = _target(rule, check.state, value)
    if target == check.state:
        steady = check.pending is None  # most checks most of the time: nothing to make anew
        return check if steady else replace(check, value=value, pending=None, pending_since_ms=None)
    pending, since_ms = _pending(check, target, at_ms)
    hold_ms = rule.hold_ms if is_worse(pending, check.state) else rule.clear_hold_ms
    if at_ms - since_ms >= hold_ms:
        return Check(key=check.key, state=pending, since_ms=at_ms, value=value)
    return replace(check, value=value, pending=pending, pending_since_ms=since_ms)


def is_worse(state: State, other: State) -> bool:
    return URGENCY[state] < URGENCY[other]


def limit_of(rule: Rule, state: State) -> float:
    """The limit people are told: the one of this state, or of the mildest level when all is well again."""
    level = rule.levels.get(state) or max(rule.levels.items(), key=lambda item: URGENCY[item[0]])[1]
    return level.above


def _target(rule: Rule, state: State, value: float) -> State:
    for candidate in (State.CRITICAL, State.WARNING):
        level = rule.levels.get(candidate)
        if level is None:
            continue
        in_force = not is_worse(candidate, state)
        if value > level.above or (in_force and value >= level.clear_below):
            return candidate
    return State.OK


def _pending(check: Check, target: State, at_ms: int) -> tuple[State, int]:
    """What is pending and since when; a turn from better to worse, or a clock set back, starts anew."""
    if check.pending is None or check.pending_since_ms is None or check.pending_since_ms > at_ms:
        return target, at_ms
    if is_worse(check.pending, check.state) != is_worse(target, check.state):
        return target, at_ms
    if not is_worse(target, check.state):
        return target, check.pending_since_ms
    return (check.pending if is_worse(target, check.pending) else target), check.pending_since_ms
