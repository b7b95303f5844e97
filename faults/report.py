"""docs/faults.md: one line for each row, of the last time that it ran."""

import platform
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from faults.checker import Verdict
from faults.row import Row

PAGE = Path(__file__).parents[1] / "docs" / "faults.md"
COLUMNS = ("row", "fault", "result", "records", "duplicates", "declared", "drain", "store", "took", "seed", "run of")
QUICK = "quick form"
INTRODUCTION = """# Faults

What was broken, on real programs, a real RabbitMQ and a real database, and what became of every record. Written by
`make faults`; how it works stands in [faults/README.md](../faults/README.md). A row is green when the checker found
nothing: every record that the broker confirmed is stored or in quarantine, every record that an agent offered is
stored, in quarantine or named as lost, nothing is stored twice or with other content, incidents are those that the
stored records make, the processor's own account says the same, spools and memory kept their bounds. Nobody was called
silent who spoke. Where web hooks were received: every incident that lasted was told and its end after it, late ones to
nobody, nothing twice but a notice that its processor died over between sending and noting that very one, once for each
such death. Controls are broken builds that the checker must turn red. Row 44's agents keep their records in memory:
what they had offered last and never got confirmed when they were killed counts as never offered.

`records` were offered by agents, `duplicates` were absorbed, `declared` were named as lost, `drain` is the time from
the end of the fault until the last record offered by then was accounted for, the longest where there were several.
`run of` is when the run of that line began, UTC; `quick form` behind it says that the row ran shorter than its name may
promise. A row that the last run left out keeps its line of an earlier one, with that time and seed.
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
    trace: str
    versions: Mapping[str, str]

    def cells(self, run_of: str) -> list[str]:
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
            run_of,
        ]


@dataclass(frozen=True, slots=True)
class ThisRun:
    """`began` as `2026-11-21 17:30`, UTC: it marks the lines of this run. `lanes` is how many rows ran at a time."""

    command: str
    began: str
    lanes: int
    is_quick: bool = False

    @property
    def mark(self) -> str:
        """The last cell of its lines."""
        return f"{self.began}, {QUICK}" if self.is_quick else self.began


def write_page(outcomes: Sequence[Outcome], rows: Sequence[Row], run: ThisRun) -> None:
    """In the order of `rows`; what did not run this time keeps the line of the last time that it did."""
    lines = _lines_of_last_time() | {outcome.row.number: _line(outcome.cells(run.mark)) for outcome in outcomes}
    numbers = [row.number for row in rows if row.number in lines]
    kept = [lines[number] for number in (*numbers, *(number for number in lines if number not in numbers))]
    header = [_environment(outcomes, run), _share(len(outcomes), len(kept), run.began), *_side_by_side(outcomes, run)]
    new_page = PAGE.with_suffix(".new")
    new_page.write_text("\n".join([INTRODUCTION, *header, "", *_head(), *kept, ""]))
    new_page.replace(PAGE)  # whoever ends us in the middle leaves the kept lines


def seconds_of_last_time() -> dict[str, float]:
    """By the number of the row, how long it took."""
    cells = {number: line.split("|") for number, line in _lines_of_last_time().items()}
    place = COLUMNS.index("took") + 1
    return {number: float(parts[place].removesuffix(" s ")) for number, parts in cells.items()}


def _environment(outcomes: Sequence[Outcome], run: ThisRun) -> str:
    theirs = {name: version for outcome in outcomes for name, version in outcome.versions.items()}
    ours = {"Python": platform.python_version(), "SQLite": sqlite3.sqlite_version, "Linux": platform.release()}
    told = ", ".join(f"{name} {version}" for name, version in {**theirs, **ours}.items())
    return f"Last run: `{run.command}`, begun {run.began} UTC, on {told}."


def _share(count: int, all_count: int, began: str) -> str:
    if count == all_count:
        return f"All {count} lines are of this run."
    return (
        f"{count} of {all_count} lines are of this run, those of {began}; the others are kept from earlier ones, "
        "which may have run on other versions."
    )


def _side_by_side(outcomes: Sequence[Outcome], run: ThisRun) -> list[str]:
    if run.lanes == 1:
        return []
    alone = [outcome.row.number for outcome in outcomes if outcome.row.runs_alone]
    return [
        f"Up to {run.lanes} rows ran side by side, the long ones first; `took` holds what neighbours cost.",
        *([f"Rows that had the machine to themselves: {', '.join(alone)}."] if alone else []),
    ]


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
