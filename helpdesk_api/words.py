"""The help desk's words: what a state is called, times of the day, counts, and what is not there."""

from health.state import State
from helpdesk_api.times import moment

STATE_WORDS: dict[State, str] = {
    State.CRITICAL: "Critical",
    State.STALE: "No data",
    State.WARNING: "Warning",
    State.UNKNOWN: "Unknown",
    State.WAITING: "Waiting for first report",
    State.MUTED: "Muted",
    State.OK: "OK",
}
AGENT_STATUS = "healthmon-agent status"  # says on the host what the agent waits for
NOT_REPORTED = "not reported"


def clock(at_ms: int) -> str:
    """The time of day in UTC."""
    return moment(at_ms).strftime("%H:%M:%S")


def when(at_ms: int, now_ms: int) -> str:
    """The time of day in UTC, with its date unless that is today's."""
    at = moment(at_ms)
    return at.strftime("%H:%M:%S" if at.date() == moment(now_ms).date() else "%Y-%m-%d %H:%M:%S")


def count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def percent(value: float | None) -> str:
    return NOT_REPORTED if value is None else f"{value:.1f} %"
