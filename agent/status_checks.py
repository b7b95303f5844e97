"""The checks of a host as a table of at most 80 columns: the worst first."""

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo

from agent.status import CheckRow
from console.text import escape

COLUMNS = 80
GUTTER = "  "
HEAD = ("CHECK", "STATE", "NOW", "WARN", "CRIT", "SINCE")
NAME, STATE, NOW = 0, 1, 2  # columns that give way
SHRINK = ((NOW, 24), (NAME, 12), (NOW, 8), (STATE, 8))  # in this order, and how narrow they may get
DAY_SECONDS = 86400.0
MOST_SHOWN = 40
SIZES = ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))


def check_table(rows: Sequence[CheckRow], now_seconds: float, zone: tzinfo | None = None) -> list[str]:
    """Lines with their head, empty where there is no check. Times are of this host's zone unless another is given."""
    if not rows:
        return []
    cells = [HEAD, *(_cells(row, now_seconds, zone) for row in rows[:MOST_SHOWN])]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEAD))]
    for column, narrowest in SHRINK:
        excess = 2 + sum(widths) + len(GUTTER) * (len(HEAD) - 1) - COLUMNS
        widths[column] -= min(max(excess, 0), max(widths[column] - narrowest, 0))
    cells = [(_middle_out(line[NAME], widths[NAME]), *line[NAME + 1 :]) for line in cells]
    lines = ["  " + GUTTER.join(map(_fit, line, widths)).rstrip() for line in cells]
    if len(rows) > MOST_SHOWN:
        lines.append(f"  and {len(rows) - MOST_SHOWN} more: healthmon-agent status --json")
    return lines


def shown_state(row: CheckRow) -> str:
    """In capitals when it is not ok; how far something else is pending stands behind it."""
    word = row.state if row.state == "ok" else row.state.upper()
    extra = ", ".join(filter(None, (row.progress, "flapping" if row.flapping else "")))
    return f"{word} ({extra})" if extra else word


def _cells(row: CheckRow, now_seconds: float, zone: tzinfo | None) -> tuple[str, ...]:
    return (
        escape(row.name),
        shown_state(row),
        escape(_now(row)),
        _limit(row.warning),
        _limit(row.critical),
        _since(row.since_seconds, now_seconds, zone),
    )


def _now(row: CheckRow) -> str:
    if row.value is None:
        return row.output.partition("\n")[0]
    if row.unit == "B":
        size, unit = next(((size, unit) for size, unit in SIZES if abs(row.value) >= size), (1, "B"))
        return f"{row.value / size:.1f} {unit}"
    return f"{row.value:.1f} {row.unit}".rstrip() if row.unit else f"{row.value:.4g}"


def _limit(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _since(since_seconds: float, now_seconds: float, zone: tzinfo | None) -> str:
    """The time of day, or the day when that is longer ago than one."""
    since = datetime.fromtimestamp(since_seconds, UTC).astimezone(zone)
    return since.strftime("%H:%M" if abs(now_seconds - since_seconds) < DAY_SECONDS else "%m-%d")


def _middle_out(text: str, width: int) -> str:
    """Without its middle where it is too long: paths differ at their ends."""
    head = (width - 3) // 2
    return text if len(text) <= width else f"{text[:head]}...{text[len(text) - (width - 3 - head) :]}"


def _fit(text: str, width: int) -> str:
    return text.ljust(width) if len(text) <= width else f"{text[: width - 3]}..."
