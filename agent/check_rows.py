"""The checks of this host as its status tells them: the worst first."""

from agent.local_rules import Place
from agent.local_state import LocalState, Seen
from agent.status import CheckRow
from health.machine import Standing
from health.state import URGENCY, State, is_worse

MOST_ROWS = 200
LONGEST_OUTPUT = 256
UNITS = {"_percent": "%", "_bytes": "B", "_seconds": "s"}  # by the end of a metric's name


def check_rows(state: LocalState, now_ms: int) -> list[CheckRow]:
    """At most MOST_ROWS of them; `now_ms` is Unix time."""
    ordered = sorted(state.standings.items(), key=_urgency)[:MOST_ROWS]
    return [_row(place, standing, state.seen[place], now_ms) for place, standing in ordered]


def _urgency(check: tuple[Place, Standing]) -> tuple[int, bool, Place]:
    place, standing = check
    return URGENCY[standing.state], standing.pending is None, place


def _row(place: Place, standing: Standing, seen: Seen, now_ms: int) -> CheckRow:
    levels = seen.bound.rule.levels if seen.bound else {}
    limits = {state: level.limit for state, level in levels.items()}
    return CheckRow(
        rule=place[0],
        subject=place[1],
        name=seen.name,
        state=standing.state.value,  # type: ignore[arg-type]  # checks have no other states
        since_seconds=standing.since_ms / 1000,
        value=None if seen.result else seen.value,
        unit=_unit(seen),
        output=seen.result.output[:LONGEST_OUTPUT] if seen.result else "",
        warning=limits.get(State.WARNING),
        critical=limits.get(State.CRITICAL),
        pending=standing.pending and standing.pending.value,
        progress=_progress(standing, seen, now_ms) if standing.pending else "",
        flapping=standing.flapping_since_ms is not None,
        sentence="" if standing.state is State.OK else seen.sentence(standing.state),
    )


def _progress(standing: Standing, seen: Seen, now_ms: int) -> str:
    """How far what is pending is from counting: "2 of 3", or with a hold time "20 of 30 s"."""
    worse = standing.pending is not None and is_worse(standing.pending, standing.state)
    if seen.bound is None:
        attempts = seen.result.attempts if seen.result and worse else 1
        return f"{standing.attempt} of {attempts}"
    patience = seen.bound.rule.patience
    hold_ms = patience.hold_ms if worse else patience.clear_hold_ms
    if not hold_ms:
        return f"{standing.attempt} of {patience.attempts if worse else patience.clear_attempts}"
    held_ms = min(max(now_ms - (standing.pending_since_ms or now_ms), 0), hold_ms)
    return f"{held_ms / 1000:.0f} of {hold_ms / 1000:.0f} s"


def _unit(seen: Seen) -> str:
    metric = seen.bound.rule.metric if seen.bound else ""
    return next((unit for ending, unit in UNITS.items() if metric.endswith(ending)), "")
