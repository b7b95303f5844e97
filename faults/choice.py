"""Which rows a run has, as the environment says."""

import os
import shlex
import sys
from collections.abc import Sequence
from functools import partial

from faults import rows
from faults.kills import random_kills
from faults.row import MOST_SECONDS, Row

NAMES = ("QUICK", "ROWS", "KILLS", "DATABASE", "JOBS")
MOST_LANES = 64
KILL_SECONDS = 4  # at most, a broker's start counted


def kills_row(count: int, database: str) -> Row:
    fault = f"{count} random kills of agents, processor and broker"
    inject = partial(random_kills, count=count, database=database)
    return Row(f"kills {database}", fault, inject, is_quick=False, most_seconds=MOST_SECONDS + count * KILL_SECONDS)


def all_rows() -> Sequence[Row]:
    """In the order of the page."""
    return [*rows.in_order(), kills_row(1000, "sqlite"), kills_row(300, "postgresql")]


def choose(numbers: str, kills: str, *, quick: bool) -> Sequence[Row]:
    """Raises SystemExit with a sentence for what does not exist."""
    if kills:
        return [kills_row(int(kills), os.environ.get("DATABASE") or "sqlite")]
    known = {row.number: row for row in all_rows()}
    if numbers:
        wanted = [number.strip() for number in numbers.split(",")]
        unknown = [number for number in wanted if number not in known]
        if unknown:
            sys.exit(f"ROWS: there is no row {', '.join(unknown)}. There are: {', '.join(known)}")
        return [known[number] for number in dict.fromkeys(wanted)]
    return [row for row in known.values() if row.is_quick or not quick]


def count_lanes(jobs: str) -> int:
    """Raises SystemExit with a sentence for what is no number of lanes."""
    if not jobs:
        return 1
    if not jobs.isdecimal() or not 1 <= int(jobs) <= MOST_LANES:
        sys.exit(f"JOBS: {jobs!r} is not a number of lanes. Rows run side by side in 1 to {MOST_LANES} of them.")
    return int(jobs)


def command() -> str:
    """What repeats this run, less the seed."""
    chosen = (f"{name}={shlex.quote(os.environ[name])}" for name in NAMES if os.environ.get(name))
    return " ".join(["make faults", *chosen])
