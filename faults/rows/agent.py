"""The agent dies at every boundary; its disk is full."""

import shutil
from pathlib import Path

from faults.boundary import Boundary
from faults.checker import Excuse
from faults.rig import Rig
from faults.row import row

PAGE_BYTES = 4096
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


@row(29, "agent: disk full, also at its restart", quick=True)
def disk_full(rig: Rig) -> None:
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
