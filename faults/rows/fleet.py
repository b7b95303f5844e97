"""Many agents, and a long time."""

import subprocess
import time

from faults.rig import Rig
from faults.row import row
from faults.run import Run

AGENTS = 5_000
ALL_BACK_SECONDS = 300
MOST_GROWTH = 1.1


@row(35, "fleet: 5,000 agents reconnect at once")
def thundering_herd(rig: Rig) -> None:
    with rig.running(agents=0, broker=None) as run:
        simulator = run.program(
            "simulator", "faults.witnessed_simulator", "--agents", str(AGENTS), "--interval", "60", "--duration", "480"
        )
        simulator.start()
        run.until(lambda: len(_agents_since(run, 0)) == AGENTS, "every agent has offered and stored a record", 300)
        overflows = _listen_overflows()
        run.broker.kill()
        run.broker.start()
        restarted = len(run.seen().published)
        seconds = run.until(
            lambda: len(_agents_since(run, restarted)) == AGENTS, "every agent has sent again", ALL_BACK_SECONDS
        )
        dropped = _listen_overflows() - overflows
        assert not dropped, f"{dropped} connections fell off the accept queue"
        run.until(lambda: not simulator.is_alive, "the simulator ends", 600)
        run.settle(within_seconds=300)
    rig.note(f"all back after {seconds:.0f} s")


@row(42, "fleet: memory over 20 min, broker blocked for 5 of them")
def memory_growth(rig: Rig) -> None:
    with rig.running(agents=3) as run:
        run.flow()
        first = _mean_rss_bytes(run, 120)
        run.broker.ctl("set_disk_free_limit", "100000GB")
        run.until(lambda: run.hub_states() == {"blocked"}, "all agents say that the broker is blocked")
        time.sleep(300)  # the block itself
        run.broker.ctl("set_disk_free_limit", "50MB")
        run.drain()
        run.flow()
        time.sleep(600)  # the long time itself
        last = _mean_rss_bytes(run, 120)
        run.settle()
    for name, before_bytes in first.items():
        assert last[name] <= MOST_GROWTH * before_bytes, f"{name} grew from {before_bytes} to {last[name]} bytes"
    rig.note(", ".join(f"{name} {first[name] >> 20} to {last[name] >> 20} MiB" for name in first))


def _agents_since(run: Run, place: int) -> set[str]:
    return {key.agent_id for key in run.seen().published[place:]}


def _listen_overflows() -> int:
    shown = subprocess.run(["nstat", "-az", "TcpExtListenOverflows"], check=True, capture_output=True, text=True).stdout
    return int(shown.splitlines()[-1].split()[1])


def _mean_rss_bytes(run: Run, seconds: int) -> dict[str, int]:
    totals: dict[str, int] = {}
    for _ in range(seconds):
        for program in (*run.agents, *run.processors):
            totals[program.name] = totals.get(program.name, 0) + program.rss_bytes()
        time.sleep(1)  # a sample a second
    return {name: total // seconds for name, total in totals.items()}
