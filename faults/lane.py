"""One lane: a process with a rig that runs the rows it is sent, one by one. `lanes.py` starts it and listens to it."""

import os
import sys
import time
import traceback
from multiprocessing.connection import Connection

from faults.ending import end_on_signals
from faults.report import Outcome
from faults.rig import Rig
from faults.row import CannotRun, Row

MOST_DETAIL = 400


def main() -> int:
    """Until there are no more rows: then the other end of the pipe is closed."""
    end_on_signals()
    descriptor = int(sys.argv[1])
    os.set_inheritable(descriptor, False)  # a child that held it would hide our death
    with Connection(descriptor) as pipe:
        seed, is_quick = pipe.recv()
        with Rig(seed=seed, quick=is_quick) as rig:
            while row := _next_row(pipe):
                pipe.send(run_row(row, rig))
    return 0


def _next_row(pipe: "Connection") -> Row | None:
    try:
        row: Row = pipe.recv()
    except EOFError:
        return None
    return row


def run_row(row: Row, rig: Rig) -> Outcome:
    """One row; its failure is an outcome, not the end of the lane."""
    rig.begin_row(row.number)
    began = time.monotonic()
    result, detail, trace = _attempt(row, rig)
    return Outcome(
        row,
        result,
        detail,
        rig.verdicts,
        sorted(rig.databases),
        rig.notes,
        time.monotonic() - began,
        rig.seed,
        trace,
        rig.versions,
    )


def _attempt(row: Row, rig: Rig) -> tuple[str, str, str]:
    """Result, detail, and for people at the terminal where it broke."""
    try:
        row.inject(rig)
    except CannotRun as error:
        return "not run", str(error), ""
    except Exception as error:  # noqa: BLE001 - whatever breaks a row is its result
        trace = f"{traceback.format_exc()}\n      logs: {rig.folder}"
        return row.bad_result, f"{type(error).__name__}: {error}"[:MOST_DETAIL], trace
    return ("caught" if row.is_control else "green"), "", ""


if __name__ == "__main__":
    raise SystemExit(main())
