"""`make faults`: all rows and controls. QUICK=1, ROWS=1,9, KILLS=1000, DATABASE=postgresql, SEED=7 choose otherwise."""

import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from functools import partial

from faults import rows
from faults.kills import random_kills
from faults.report import Outcome, write_page
from faults.rig import Rig
from faults.row import CannotRun, Row

BAD = {"red", "MISSED"}
MOST_DETAIL = 400


def main() -> int:
    """0 when every row that ran is green and every control was caught; with CI=true all must run."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    seed = int(os.environ.get("SEED") or random.randrange(1_000_000))  # noqa: S311
    quick = os.environ.get("QUICK") == "1"
    chosen = choose(os.environ.get("ROWS", ""), os.environ.get("KILLS", ""), quick=quick)
    print(f"seed {seed}, {len(chosen)} rows", flush=True)
    outcomes: list[Outcome] = []
    with Rig(seed=seed, quick=quick) as rig:
        for row in chosen:
            outcomes.append(run_row(row, rig))
            write_page(outcomes, rows.in_order(), rig.versions, command())
    bad = BAD | {"not run"} if os.environ.get("CI") == "true" else BAD
    wrong = [outcome.row.number for outcome in outcomes if outcome.result in bad]
    print(f"{len(outcomes)} rows, {len(wrong)} wrong{': ' if wrong else ''}{', '.join(wrong)}")
    return 1 if wrong else 0


def choose(numbers: str, kills: str, *, quick: bool) -> Sequence[Row]:
    """Raises SystemExit with a sentence for what does not exist."""
    if kills:
        count, database = int(kills), os.environ.get("DATABASE") or "sqlite"
        fault = f"{count} random kills of agents, processor and broker"
        return [Row(f"kills {database}", fault, partial(random_kills, count=count, database=database), is_quick=False)]
    known = {row.number: row for row in rows.in_order()}
    if numbers:
        wanted = [number.strip() for number in numbers.split(",")]
        unknown = [number for number in wanted if number not in known]
        if unknown:
            sys.exit(f"ROWS: there is no row {', '.join(unknown)}. There are: {', '.join(known)}")
        return [known[number] for number in wanted]
    return [row for row in known.values() if row.is_quick or not quick]


def run_row(row: Row, rig: Rig) -> Outcome:
    """One row; its failure is an outcome, not the end of the run."""
    print(f"{row.number:>4}  {row.fault} ", end="", flush=True)
    rig.begin_row(row.number)
    began = time.monotonic()
    result, detail = _attempt(row, rig)
    took_seconds = time.monotonic() - began
    print(f"{result}, {took_seconds:.0f} s{': ' if detail else ''}{detail}", flush=True)
    for note in rig.notes:
        print(f"      {note}", flush=True)
    return Outcome(row, result, detail, rig.verdicts, sorted(rig.databases), rig.notes, took_seconds, rig.seed)


def _attempt(row: Row, rig: Rig) -> tuple[str, str]:
    is_control = row.number.startswith("control")
    try:
        row.inject(rig)
    except CannotRun as error:
        return "not run", str(error)
    except Exception as error:  # noqa: BLE001 - whatever breaks a row is its result
        print(f"\n{traceback.format_exc()}\n      logs: {rig.folder}", file=sys.stderr, flush=True)
        return "MISSED" if is_control else "red", f"{type(error).__name__}: {error}"[:MOST_DETAIL]
    return ("caught" if is_control else "green"), ""


def command() -> str:
    names = ("QUICK", "ROWS", "KILLS", "DATABASE")
    return " ".join(["make faults", *(f"{name}={os.environ[name]}" for name in names if os.environ.get(name))])


if __name__ == "__main__":
    raise SystemExit(main())
