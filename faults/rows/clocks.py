"""Clocks jump, hosts sleep."""

import itertools
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from faults.boot_clock import AHEAD, require_time_namespaces
from faults.checker import Excuse
from faults.evidence import StoredSnapshot, read_evidence
from faults.incidents import incidents_of
from faults.rig import Rig
from faults.row import CannotRun, row
from faults.run import Run
from processor.findings import AGENT_SILENT, CLOCK_SKEW, GROUP_SILENT, PIPELINE

LIBRARIES = "/usr/lib/*/faketime/libfaketime.so.1"
SLEPT_SECONDS = 6 * 3600


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
            run.flow(20)
            assert not incidents_of(run, CLOCK_SKEW.rule), "a clock that is right is called skewed"
            for jump in ("+1d", "-1d"):
                now.write_text(jump)
                seconds = run.until(lambda: len(_skewed(run)) == len(run.agents), "each agent's clock is called skewed")
                run.flow(20)
                assert len(_skewed(run)) == len(run.agents), f"{jump}: the skew is over while the clocks are off"
                rig.note(f"{jump}: all {len(run.agents)} clocks called skewed within {seconds:.0f} s")
            now.write_text("+0")
            run.until(lambda: not _skewed(run), "no clock is called skewed any more")
            run.drain()
            run.flow(20)
            run.settle()


def _skewed(run: Run) -> set[int]:
    """The open incidents, by their numbers."""
    return {one.number for one in incidents_of(run, CLOCK_SKEW.rule) if one.closed_ms is None}


@row(32, "suspend: agents and processor stopped for 2 min; agents started again, their boot clock 6 h ahead")
def suspended(rig: Rig) -> None:
    require_time_namespaces()
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
        run.drain()
        run.flow()
        for agent in run.agents:
            agent.kill()
            agent.start(**{AHEAD: str(SLEPT_SECONDS)})
        run.flow()
        run.settle()
        are_in_order_over_the_sleep(read_evidence(run.engine).snapshots)
        for rule in (AGENT_SILENT.rule, GROUP_SILENT.rule):
            assert not incidents_of(run, rule), f"a sleep is taken for silence: {rule}"
        about_the_way = incidents_of(run, PIPELINE.rule)
    rig.note(f"boot clock moved by {SLEPT_SECONDS} s; blamed: no agent, {len(about_the_way)} times the way")


def are_in_order_over_the_sleep(snapshots: Sequence[StoredSnapshot]) -> None:
    """Of each agent one boot, one epoch, and by rising number a rising boot clock that has jumped once."""
    by_agent: defaultdict[str, list[StoredSnapshot]] = defaultdict(list)
    for snapshot in sorted(snapshots, key=lambda item: item.key):
        by_agent[snapshot.key.agent_id].append(snapshot)
    for agent_id, its in by_agent.items():
        assert len({(item.key.epoch, item.extra["boot_id"]) for item in its}) == 1, f"{agent_id} took it for a boot"
        seconds = [item.extra["boot_seconds"] for item in its]
        steps = [after - before for before, after in itertools.pairwise(seconds)]
        assert min(steps) > 0, f"{agent_id}: the boot clock went back"
        jumps = [step for step in steps if step >= SLEPT_SECONDS]
        assert len(jumps) == 1, f"{agent_id}: {len(jumps)} jumps of the boot clock"
