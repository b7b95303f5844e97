"""`make faults`: all rows, controls and random kills; JOBS=4 for four rows at a time.

QUICK=1, ROWS=1,9, KILLS=1000, DATABASE=postgresql, SEED=7 choose otherwise.
"""

import os
import random
import sys
import time

from faults.choice import all_rows, choose, command, count_lanes
from faults.ending import end_on_signals
from faults.lanes import Lanes, phases
from faults.report import Outcome, ThisRun, seconds_of_last_time, write_page
from faults.row import Row

BAD = {"red", "MISSED"}


def main() -> int:
    """0 when every row that ran is green and every control was caught; with CI=true all must run."""
    end_on_signals()
    seed = int(os.environ.get("SEED") or random.randrange(1_000_000))  # noqa: S311
    is_quick = os.environ.get("QUICK") == "1"
    jobs = count_lanes(os.environ.get("JOBS", ""))
    chosen = choose(os.environ.get("ROWS", ""), os.environ.get("KILLS", ""), quick=is_quick)
    this_run = ThisRun(command(), time.strftime("%Y-%m-%d %H:%M", time.gmtime()), jobs, is_quick)
    print(f"seed {seed}, {len(chosen)} rows{f', {jobs} at a time' if jobs > 1 else ''}", flush=True)
    outcomes: list[Outcome] = []
    with Lanes(seed, is_quick=is_quick, announce=announce) as lanes:
        for rows, at_once in phases(chosen, jobs, seconds_of_last_time()):
            for outcome in lanes.run(rows, at_once):
                tell(outcome)
                outcomes.append(outcome)
                write_page(outcomes, all_rows(), this_run)
    bad = BAD | {"not run"} if os.environ.get("CI") == "true" else BAD
    wrong = [outcome.row.number for outcome in outcomes if outcome.result in bad]
    print(f"{len(outcomes)} rows, {len(wrong)} wrong{': ' if wrong else ''}{', '.join(wrong)}")
    return 1 if wrong else 0


def announce(row: Row) -> None:
    print(f"{row.number:>4}  {row.fault} ...", flush=True)


def tell(outcome: Outcome) -> None:
    """All lines of a row in one piece."""
    detail = f": {outcome.detail}" if outcome.detail else ""
    if outcome.trace:
        print(f"\n{outcome.trace}", file=sys.stderr, flush=True)
    lines = [f"{outcome.row.number:>4}  {outcome.result}, {outcome.took_seconds:.0f} s{detail}"]
    print("\n".join([*lines, *(f"      {note}" for note in outcome.notes)]), flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
