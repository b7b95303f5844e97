"""The agent dies at every boundary; its disk is full."""

import shutil
from collections import Counter
from functools import partial
from pathlib import Path

from faults.actions import acted_once, read_actions
from faults.boundary import Boundary
from faults.checker import Excuse
from faults.declared import listed_as_lost, named_by_agents
from faults.disk import Disk
from faults.evidence import read_evidence
from faults.rig import Rig
from faults.row import row
from faults.run import Run, Violations
from faults.switches import Switches
from faults.witnessed_agent import BALLAST

PAGE_BYTES = 4096
SMALL_SPOOL = {
    "HEALTHMON_SPOOL_MAX_MIB": "4",
    "HEALTHMON_RECONNECT_MAX_SECONDS": "2",
    BALLAST: "4000",  # 200 kB a snapshot
}
LOST_AT_LEAST = 12
CURRENT_WITHIN_SECONDS = 60.0
BOUNDARIES = (
    Boundary("before", "agent.spool:Spool.append"),
    Boundary("before", "COMMIT", 4),
    Boundary("after", "agent.spool_rows:Rows.insert"),
    Boundary("before", "agent.high_water:HighWater.write"),
    Boundary("after", "agent.high_water:HighWater.write"),
    Boundary("after", "agent.spool:Spool.append"),
    Boundary("after", "agent.spool_open:open_spool_file", 1),
    Boundary("before", "agent.spool:Spool.settle", 1),
    Boundary("after", "agent.spool:Spool.settle", 1),
    Boundary("before", "agent.link:Link.publish"),
    Boundary("after", "agent.link:Link.publish"),
    Boundary("before", "agent.publisher:Publisher.acked"),
    Boundary("before", "agent.spool:Spool.confirm"),
    Boundary("after", "agent.spool:Spool.confirm"),
    Boundary("after", "agent.publisher:Publisher.acked"),
    Boundary("after", "agent.publisher:Publisher.link_up", 1),
    Boundary("before", "agent.agent:write_status"),
)

ACTION_BOUNDARIES = (
    Boundary("before", "agent.local_actions:LocalActions.changed", 1),
    Boundary("before", "agent.action_journal:Journal.due", 1),
    Boundary("after", "agent.action_journal:Journal.due", 1),
    Boundary("before", "agent.local_actions:LocalActions.run", 1),
    Boundary("before", "agent.action_journal:Journal.started", 1),
    Boundary("after", "agent.action_journal:Journal.started", 1),
    Boundary("after", "agent.action_runner:run_child", 1),
    Boundary("before", "agent.action_journal:Journal.ended", 1),
    Boundary("after", "agent.action_journal:Journal.ended", 1),
    Boundary("before", "agent.local_actions:LocalActions.reported", 1),
    Boundary("before", "agent.action_journal:Journal.forget", 1),
    Boundary("after", "agent.action_journal:Journal.forget", 1),
)


@row(28, "agent: kill -9 at each boundary of a record", quick=True)
def killed_at_each_boundary(rig: Rig) -> None:
    with rig.running(agents=1) as run:
        run.flow(1)
        (agent,) = run.agents
        agent.kill()
        run.die_at_each(agent, BOUNDARIES)
        agent.start()
        run.settle()
    rig.note(f"{len(BOUNDARIES)} boundaries")


@row("28a", "agent: kill -9 at each boundary of an action of its own", quick=True)
def killed_around_an_action(rig: Rig) -> None:
    names = [f"boundary-{number:02}" for number in range(len(ACTION_BOUNDARIES))]
    with rig.scratch() as folder:
        side_effects = rig.journals / f"{folder.name}.actions"
        switches = Switches(folder, names)
        switches.act_on_all(side_effects)
        with rig.running(agents=1, agent_settings=switches.settings) as run:
            run.flow(1)
            (agent,) = run.agents
            for name, boundary in zip(names, ACTION_BOUNDARIES, strict=True):
                agent.kill()
                switches.turn_bad(name)
                run.die_at_each(agent, [boundary])
                agent.start()
                run.until(partial(_has_outcome, run, name), f"the outcome of {name}")
            run.settle()
            told = read_actions(run.engine)
            violations = acted_once(names, told, side_effects.read_text().split())
            if violations:
                raise Violations("\n".join(violations))
    outcomes = Counter(outcome for _, outcome in told)
    rig.note(f"{len(names)} boundaries: {', '.join(f'{count} {outcome}' for outcome, count in outcomes.items())}")


@row(29, "agent: disk full, also at its restart; then its spool, too, until it thins and drops", quick=True)
def disk_full(rig: Rig) -> None:
    _keeps_records_on_a_full_disk(rig)
    excuse = Excuse(losses=("thinned", "full"))
    with (
        rig.disk(24) as disk,
        rig.running(agents=1, state_folder=disk.mount, excuse=excuse, agent_settings=SMALL_SPOOL) as run,
    ):
        seconds = _drops_on_a_full_disk(run, disk)
        run.settle()
        listed, named = listed_as_lost(run.engine), named_by_agents(read_evidence(run.engine))
    assert set(listed) == {"thinned", "full"}, f"the account lists {sorted(listed)}"
    for reason, lost in listed.items():
        assert lost.numbers == named[reason], f"{reason}: the account and the agent's records name other numbers"
        rig.note(f"{reason}: {len(lost.numbers)} records in {lost.ranges} ranges")
    rig.note(f"the present state was stored {seconds:.0f} s after the broker's return")


def _drops_on_a_full_disk(run: Run, disk: Disk) -> float:
    """Nobody takes records until many are dropped; returns how long after that the present state is stored."""
    (agent,) = run.agents
    run.flow()
    disk.fill()
    agent.kill()
    agent.start()
    run.flow()
    run.broker.ctl("stop_app")
    run.until(lambda: run.statuses()[0].lost >= LOST_AT_LEAST, f"{LOST_AT_LEAST} records dropped")
    agent.kill()
    agent.start()
    run.offer(3)
    run.broker.ctl("start_app")
    newest = max(run.seen().offered)
    seconds = run.until(lambda: newest in run.accounted(), "the present state is stored", CURRENT_WITHIN_SECONDS)
    run.flow()
    disk.free()
    return seconds


def _keeps_records_on_a_full_disk(rig: Rig) -> None:
    with rig.disk(24) as disk, rig.running(agents=1, state_folder=disk.mount) as run:
        (agent,) = run.agents
        run.flow()
        disk.fill()
        run.flow()
        agent.kill()
        agent.start()
        run.flow()
        run.broker.ctl("stop_app")
        run.offer(5)
        agent.kill()
        run.broker.ctl("start_app")
        agent.start()
        run.flow()
        disk.free()
        run.flow()
        run.settle()


@row(30, "agent: spool corrupt, restored from a copy, deleted, read-only")
def spool_damaged(rig: Rig) -> None:
    excuse = Excuse(losses=("corrupt", "released", "disk"), incidents=("identity-conflict",))
    with rig.disk(800) as disk, rig.running(agents=1, state_folder=disk.mount, excuse=excuse) as run:
        (agent,), state = run.agents, disk.mount / "agent-0"
        run.flow()
        for damage in (_scramble, _restore_old_copy, _delete_spool):
            agent.kill()
            damage(state, disk.mount / "copy")
            agent.start()
            run.flow()
            rig.note(f"{damage.__name__.strip('_').replace('_', ' ')}: goes on")
            _copy(state, disk.mount / "copy")
            run.flow()
        agent.kill()
        disk.make_read_only()
        agent.start()
        run.flow()
        agent.kill()
        disk.make_writable()
        agent.start()
        run.settle()


def _has_outcome(run: Run, check: str) -> bool:
    return check in dict(read_actions(run.engine))


def _scramble(state: Path, _copy_of_it: Path) -> None:
    """Zeros over every fourth page."""
    (spool,) = state.glob("slots/*/spool.sqlite3")
    with spool.open("r+b") as file:
        for page in range(1, min(400, spool.stat().st_size // PAGE_BYTES), 4):
            file.seek(page * PAGE_BYTES)
            file.write(bytes(PAGE_BYTES))


def _restore_old_copy(state: Path, copy: Path) -> None:
    shutil.rmtree(state)
    shutil.copytree(copy, state)


def _delete_spool(state: Path, _copy_of_it: Path) -> None:
    for file in state.glob("slots/*/spool.sqlite3*"):
        file.unlink()


def _copy(state: Path, copy: Path) -> None:
    """As a backup does, under the running agent."""
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(state, copy)
