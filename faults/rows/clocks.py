"""Clocks jump, hosts sleep."""

import time
from pathlib import Path

from faults.checker import Excuse
from faults.rig import Rig
from faults.row import CannotRun, row

LIBRARIES = "/usr/lib/*/faketime/libfaketime.so.1"


@row(31, "clock: +1 day, -1 day, while running")
def clock_jumps(rig: Rig) -> None:
    library = next(Path("/").glob(LIBRARIES.lstrip("/")), None)
    if library is None:
        raise CannotRun("faketime is not installed")
    with rig.scratch() as folder:
        now = folder / "now"
        now.write_text("+0")
        faked = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(now),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        with rig.running(agent_settings=faked, excuse=Excuse(incidents=("clock-skew",))) as run:
            for jump in ("+0", "+1d", "-1d", "+0"):
                now.write_text(jump)
                run.flow(20)
            run.settle()


@row(32, "suspend: agents and processor stopped for 2 min")
def suspended(rig: Rig) -> None:
    with rig.running() as run:
        run.flow()
        programs = (*run.agents, *run.processors)
        for program in programs:
            program.freeze()
        try:
            time.sleep(120)  # the sleep itself
        finally:
            for program in programs:
                program.thaw()
        run.flow()
        run.settle()
    rig.note("the boot clock is not moved")
