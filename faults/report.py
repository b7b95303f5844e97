"""docs/faults.md: one line for each row, of the last time that it ran."""

import platform
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from faults.checker import Verdict
from faults.row import Row

PAGE = Path(__file__).parents[1] / "docs" / "faults.md"
COLUMNS = ("row", "fault", "result", "records", "duplicates", "declared", "drain", "store", "took", "seed", "date")
INTRODUCTION = """# Faults

What was broken, on real programs, a real RabbitMQ and a real database, and what became of every record. Written by
`make faults`; how it works stands in [faults/README.md](../faults/README.md). A row is green when the checker found
nothing: every record that the broker confirmed is stored or in quarantine, every record that an agent offered is
stored, in quarantine or named as lost, nothing is stored twice or with other content, incidents are those that the
stored records make, the processor's own account says the same, spools and memory kept their bounds. Where web hooks
were received: every incident that lasted was told and its end after it, late ones to nobody, nothing twice but what a
processor died over between sending and noting. Controls are broken builds that the checker must turn red.
Row 44 is judged by what it asserts itself, not by the checker.

`records` were offered by agents, `duplicates` were absorbed, `declared` were named as lost, `drain` is the time from
the end of the fault until the last record offered by then was accounted for. A row that the last run left out
keeps its line of an earlier one, with that seed and date.
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a row came to; `result` is green, red, not run, or, for a control, caught or MISSED."""

    row: Row
    result: str
    detail: str
    verdicts: Sequence[Verdict]
    databases: Sequence[str]
    notes: Sequence[str]
    took_seconds: float
    seed: int

    def cells(self) -> list[str]:
        drains = [verdict.drain_seconds for verdict in self.verdicts]
        result = self.result if self.result in ("green", "caught") else f"{self.result}: {self.detail}"
        return [
            self.row.number,
            self.row.fault,
            _in_a_cell("; ".join([result, *self.notes])),
            str(sum(verdict.offered for verdict in self.verdicts)),
            str(sum(verdict.duplicates for verdict in self.verdicts)),
            str(sum(verdict.declared for verdict in self.verdicts)),
            f"{max(drains):.1f} s" if drains else "",
            ", ".join(sorted(self.databases)),
            f"{self.took_seconds:.0f} s",
            str(self.seed),
            time.strftime("%Y-%m-%d", time.gmtime()),
        ]


def write_page(outcomes: Sequence[Outcome], rows: Sequence[Row], versions: Mapping[str, str], command: str) -> None:
    """In the order of `rows`; what did not run this time keeps the line of the last time that it did."""
    lines = _lines_of_last_time() | {outcome.row.number: _line(outcome.cells()) for outcome in outcomes}
    numbers = [row.number for row in rows if row.number in lines]
    kept = [lines[number] for number in (*numbers, *(number for number in lines if number not in numbers))]
    PAGE.write_text("\n".join([INTRODUCTION, _environment(versions, command), *_head(), *kept, ""]))


def _environment(versions: Mapping[str, str], command: str) -> str:
    ours = {"Python": platform.python_version(), "SQLite": sqlite3.sqlite_version, "Linux": platform.release()}
    told = ", ".join(f"{name} {version}" for name, version in {**versions, **ours}.items())
    return f"Last run: `{command}`, {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}, on {told}.\n"


def _lines_of_last_time() -> dict[str, str]:
    if not PAGE.exists():
        return {}
    table = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")][1:]
    return {line.split("|")[1].strip(): line for line in table}


def _head() -> list[str]:
    return [_line(COLUMNS), "|" + "---|" * len(COLUMNS)]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _in_a_cell(text: str) -> str:
    first_line = text.replace("|", "/").replace("\n", "; ")
    return first_line if len(first_line) <= 300 else f"{first_line[:300]}..."
