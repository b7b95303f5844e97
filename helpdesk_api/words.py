"""Numbers as people read them: with units, three digits that count, and no sign that could be taken for zero."""

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
_SPANS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def span(seconds: float) -> str:
    """A length of time in its largest unit: 4 s, 12 min, 3 h, 2 d."""
    for size, unit in _SPANS:
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(0, int(seconds))} s"


def clock(at_ms: int) -> str:
    """The time of day in UTC."""
    return moment(at_ms).strftime("%H:%M:%S")


def count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def significant(value: float) -> str:
    """Three significant digits, whole numbers from 100 on, never an exponent."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    places = 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:.{places}f}"


def percent(value: float | None) -> str:
    return NOT_REPORTED if value is None else f"{value:.1f} %"


def size(value: float) -> str:
    """Bytes in IEC units."""
    for unit in _UNITS[:-1]:
        if abs(value) < 1024:
            return f"{significant(value)} {unit}"
        value /= 1024
    return f"{significant(value)} {_UNITS[-1]}"


def quantity(metric: str, value: float) -> str:
    """A reading's value with the unit that its metric's name ends in."""
    if metric.endswith("_percent"):
        return percent(value)
    if metric.endswith("_bytes"):
        return size(value)
    if metric.endswith("_bytes_per_second"):
        return f"{size(value)}/s"
    if metric.endswith("_per_second"):
        return f"{significant(value)} /s"
    if metric.endswith("_seconds"):
        return f"{significant(value)} s" if value < 60 else span(value)
    return significant(value)
