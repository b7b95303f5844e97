"""The agent dies at every boundary; its disk is full."""

import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

from faults.actions import acted_once, read_actions
from faults.boundary import Boundary
from faults.checker import LADEN_AGENT_RSS_BYTES, Excuse
from faults.declared import listed_as_lost, named_by_agents
from faults.disk import Disk
from faults.evidence import REUSE_REASONS, read_evidence
from faults.rig import Rig
from faults.row import row
from faults.run import Run, Violations
from faults.switches import Switches
from faults.witness import Key
from faults.witnessed_agent import BALLAST

Damage = Callable[[Path, Path], None]
"""Of the state of an agent that is dead; gets a copy of it that is older."""

SPOOL = "slots/*/spool.sqlite3"
PAGE_BYTES = 4096
BACKLOG = 30
DAMAGED, OLD_COPY, GONE = "spool was damaged", "is an old copy; what came after it", "is gone; what it held"
MOST_NAMED_IN_VAIN = 1  # the number that was just being given
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
    excuse = Excuse(losses=("thinned", "full"), most_agent_rss_bytes=LADEN_AGENT_RSS_BYTES)
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


@row(30, "agent: spool with a backlog corrupt, an old copy, deleted; all of its state an old copy; read-only")
def spool_damaged(rig: Rig) -> None:
    excuse = Excuse(("corrupt", "released", "disk"), quarantines=REUSE_REASONS, incidents=("identity-conflict",))
    with rig.disk(800) as disk, rig.running(agents=1, state_folder=disk.mount, excuse=excuse) as run:
        (agent,), state, copy = run.agents, disk.mount / "agent-0", disk.mount / "copy"
        run.flow()
        for damage, found in ((_scramble, DAMAGED), (_restore_old_spool, OLD_COPY), (_delete_spool, GONE)):
            _copy(state, copy)
            rig.note(_loses_of_a_backlog(run, found, partial(damage, state, copy)))
        _copy(state, copy)
        run.flow()
        agent.kill()
        epoch = _epoch(run)
        _restore_all(state, copy)
        agent.start()
        run.until(lambda: _epoch(run) > epoch, "an agent whose whole state is an old copy begins a new epoch")
        run.flow()
        agent.kill()
        disk.make_read_only()
        agent.start()
        run.flow()
        agent.kill()
        disk.make_writable()
        agent.start()
        run.settle()


def _loses_of_a_backlog(run: Run, found: str, damage: Callable[[], None]) -> str:
    """The broker is away, records wait, and the spool is hit: the agent must say so, begin a new epoch, and name what
    is gone and no more. Returns what that was."""
    (agent,) = run.agents
    run.drain()
    run.broker.ctl("stop_app")
    delivered, listed = run.accounted(), _listed(run)
    run.offer(BACKLOG)
    agent.kill()
    backlog, epoch, said = run.seen().offered - delivered, _epoch(run), agent.log_text().count(found)
    damage()
    agent.start()
    run.until(lambda: agent.log_text().count(found) > said, f"the agent says: {found}")
    run.broker.ctl("start_app")
    run.drain()
    run.flow()
    assert _epoch(run) > epoch, f"{found}: no new epoch"
    lost, named = backlog - run.stored(), _listed(run) - listed
    assert lost, f"{found}, and all of the backlog came: the damage did not bite"
    assert lost <= named, f"{found}: gone and not named are {sorted(lost - named)[:5]}"
    assert len(named - lost) <= MOST_NAMED_IN_VAIN, f"{found}: named and not lost are {sorted(named - lost)[:5]}"
    return f"{found}: {len(lost)} of {len(backlog)} waiting records lost, {len(named)} named"


def _listed(run: Run) -> set[Key]:
    return {key for listed in listed_as_lost(run.engine).values() for key in listed.numbers}


def _epoch(run: Run) -> int:
    """By the agent's own word."""
    (status,) = run.statuses()
    return status.epoch


def _has_outcome(run: Run, check: str) -> bool:
    return check in dict(read_actions(run.engine))


def _scramble(state: Path, _copy_of_it: Path) -> None:
    """Zeros over every second page of records, whose log has just been copied into the file."""
    (spool,) = state.glob(SPOOL)
    with closing(sqlite3.connect(spool)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        leaves = database.execute("SELECT pageno FROM dbstat WHERE name = 'record' AND pagetype = 'leaf'").fetchall()
    with spool.open("r+b") as file:
        for (page,) in leaves[1::2] or leaves:
            file.seek((page - 1) * PAGE_BYTES)
            file.write(bytes(PAGE_BYTES))


def _restore_old_spool(state: Path, copy: Path) -> None:
    """It alone: the files beside it know better."""
    _delete_spool(state, copy)
    for file in copy.glob(f"{SPOOL}*"):
        shutil.copy2(file, state / file.relative_to(copy))


def _delete_spool(state: Path, _copy_of_it: Path) -> None:
    for file in state.glob(f"{SPOOL}*"):
        if file.is_file():
            file.unlink()


def _restore_all(state: Path, copy: Path) -> None:
    shutil.rmtree(state)
    shutil.copytree(copy, state)


def _copy(state: Path, copy: Path) -> None:
    """As a backup does, under the running agent."""
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(state, copy, copy_function=_copy_if_there)


def _copy_if_there(file: str, copy: str) -> None:
    """The agent renames what it has just written."""
    with suppress(FileNotFoundError):
        shutil.copy2(file, copy)
