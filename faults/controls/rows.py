"""Each broken build under the fault that must show it, judged by the same checker."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from faults.boundary import VARIABLE, Boundary
from faults.checker import Verdict
from faults.flights import End
from faults.notices import copies
from faults.rig import Rig
from faults.row import ControlStayedGreen, control
from faults.run import Run
from faults.switches import Switches
from faults.witness import Key
from rabbitmq.declare import declare_topology

PATIENCE_SECONDS = 10.0
DEAF = {"FAULTS_DEAF_TO_STATEMENTS": "1"}  # else the account would notice, and the agents would send again


@control("ack before commit", "processor killed between ack and commit")
def ack_before_commit(rig: Rig) -> None:
    with rig.running(processor_module="faults.controls.ack_before_commit", settings=DEAF) as run:
        run.flow(1)
        (processor,) = run.processors
        processor.kill()
        run.offer(9)
        processor.start(**{VARIABLE: str(Boundary("before", "processor.keeper:handle_batch", 1))})
        run.until(lambda: not processor.is_alive, "the processor dies before its first commit")
        processor.start()
        _must_be_red(rig, run.verdict(PATIENCE_SECONDS), "C1")


@control("no mandatory", "binding gone, agents without the mandatory flag")
def no_mandatory(rig: Rig) -> None:
    with rig.running(agent_module="faults.controls.no_mandatory", settings=DEAF) as run:
        run.flow(1)
        management = run.broker.management
        management.call("DELETE", "bindings", run.broker.virtual_host, "e", "health.telemetry", "q", "ingest", "%23")
        run.offer(9)
        declare_topology(management)
        _must_be_red(rig, run.verdict(PATIENCE_SECONDS), "C1")


@control("delete on publish", "connection lost with messages on the wire")
def delete_on_publish(rig: Rig) -> None:
    with rig.running(agent_module="faults.controls.delete_on_publish", settings=DEAF) as run:
        run.flow(1)
        run.agents_road.swallow("up")
        run.offer(9)
        run.agents_road.heal()
        run.flow(1)
        for agent in run.agents:  # nothing waits for its chance: each has gone through its spool once more
            agent.stop()
            agent.start()
        run.flow(1)
        verdict = run.verdict()
        lost = run.seen().offered - run.accounted() - _keys_in_spools(run.folder)
        if not lost:
            raise ControlStayedGreen("whatever is missing still lies in a spool")
        _must_be_red(rig, verdict, "C2: offered and unexplained")


@control("mark before sending", "processor killed between its note and the message")
def mark_before_sending(rig: Rig) -> None:
    with rig.scratch() as folder:
        switches = Switches(folder, ["lost"])
        with rig.running(
            agents=1,
            processor_module="faults.controls.mark_before_send",
            agent_settings=switches.settings,
            channels={"desk": "http"},
        ) as run:
            run.flow(1)
            (processor,) = run.processors
            processor.kill()
            processor.start(**{VARIABLE: str(Boundary("before", "processor.notify.outlet:Outlet.send", 1))})
            switches.turn_bad("lost")
            run.until(lambda: not processor.is_alive, "the processor dies before it sends")
            processor.start()
            run.flow(1)
            verdict = run.verdict(PATIENCE_SECONDS, PATIENCE_SECONDS)
            _must_be_red(rig, verdict, "C6: noted as delivered and never heard of")


@control("forget the note", "processor killed when nothing is being told")
def forget_the_note(rig: Rig) -> None:
    with rig.scratch() as folder:
        switches = Switches(folder, ["again"])
        with rig.running(
            agents=1,
            processor_module="faults.controls.forget_note",
            settings={"FAULTS_LEASE_SECONDS": "3"},
            agent_settings=switches.settings,
            channels={"desk": "http"},
        ) as run:
            run.flow(1)
            switches.turn_bad("again")
            run.until(lambda: _has_noted(run), "the problem is told")
            (processor,) = run.processors
            processor.kill()
            processor.start()
            run.until(lambda: list(copies(run.told())), "it is told once more")
            verdict = run.verdict(PATIENCE_SECONDS, PATIENCE_SECONDS)
            _must_be_red(rig, verdict, "C6: told twice, and nobody died in the middle of telling it")


def _keys_in_spools(folder: Path) -> set[Key]:
    """Of agents that have ended."""
    found: set[Key] = set()
    for file in folder.glob("agent-*/slots/*/spool.sqlite3"):
        with closing(sqlite3.connect(file)) as spool:
            for (body,) in spool.execute("SELECT CAST(body AS BLOB) FROM record"):
                fields = json.loads(body)
                found.add(Key(fields["agent_id"], fields["epoch"], fields["seq"]))
    return found


def _has_noted(run: Run) -> bool:
    return any(flight.end is End.NOTED for flight in run.told().flights)


def _must_be_red(rig: Rig, verdict: Verdict, rule: str) -> None:
    found = [violation for violation in verdict.violations if violation.startswith(rule)]
    if not found:
        raise ControlStayedGreen(f"{rule} found nothing")
    rig.note(found[0].split(": (")[0])
