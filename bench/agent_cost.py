"""The agent beside node_exporter: CPU a collection and resident memory, over the same time at the same interval.

The agent reads nine groups of metrics, writes each snapshot to its spool with fsync, publishes it and waits for the
confirm of a quorum queue. node_exporter reads seven groups and answers a scrape; what the scraper and the store behind
it cost is not counted. The intervals compared are 1 s, the shortest an agent takes, and 5 s, the default.
"""

import shutil
import time
import urllib.request

from agent.status import read_statuses
from bench.cost import BEFORE, Cost, cost_of
from bench.stage import Stage
from deploy.local.broker import free_ports

NODE_EXPORTER = "prometheus-node-exporter"
SAME_FAMILIES = ("cpu", "loadavg", "meminfo", "filesystem", "diskstats", "netdev", "vmstat")
WARM_UP_COLLECTIONS = 3
BEFORE_MS = {1: 1.86}  # by interval in seconds


def measure(stage: Stage, *, interval_seconds: int, collections: int) -> list[str]:
    """Lines to print; takes `interval_seconds * (WARM_UP_COLLECTIONS + collections)`."""
    agent = stage.start("agent", "run", HEALTHMON_INTERVAL_SECONDS=str(interval_seconds))
    port = free_ports(1)[0]
    exporter = _start_exporter(stage, port)
    _collect(exporter and port, interval_seconds, WARM_UP_COLLECTIONS)
    seq_before, agent_before, exporter_before = _last_seq(stage), cost_of(agent), exporter and cost_of(exporter)
    _collect(exporter and port, interval_seconds, collections)
    snapshots = _last_seq(stage) - seq_before
    agent_cost = cost_of(agent) - agent_before
    exporter_cost = cost_of(exporter) - exporter_before if exporter and exporter_before else None
    stage.stop_all()
    lines = _lines(agent_cost, snapshots, exporter_cost, collections)
    if before_ms := BEFORE_MS.get(interval_seconds):
        lines.append(f"  and {agent_cost.cpu_ms / snapshots / before_ms:.2f} of the {before_ms} ms {BEFORE}")
    return lines


def _start_exporter(stage: Stage, port: int) -> int | None:
    path = shutil.which(NODE_EXPORTER)
    if path is None:
        return None
    collectors = [f"--collector.{name}" for name in SAME_FAMILIES]
    options = [
        "--collector.disable-defaults",
        "--web.disable-exporter-metrics",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    return stage.start_program([path, *options, *collectors])


def _collect(port: int | None, interval_seconds: int, collections: int) -> None:
    """Let the agent collect that often, and scrape node_exporter as often when it is there."""
    next_at = time.monotonic()
    for _ in range(collections):
        next_at += interval_seconds
        time.sleep(max(0.0, next_at - time.monotonic()))
        if port is not None:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                answer.read()


def _last_seq(stage: Stage) -> int:
    return sum(status.last_seq for status in read_statuses(stage.folder / "agent"))


def _lines(agent: Cost, snapshots: int, exporter: Cost | None, scrapes: int) -> list[str]:
    agent_ms = agent.cpu_ms / snapshots
    lines = [_line("healthmon-agent", agent_ms, agent, f"{snapshots} snapshots")]
    if exporter is None:
        return [*lines, f"  NOTHING BESIDE IT: node_exporter is not installed (apt-get install {NODE_EXPORTER})"]
    exporter_ms = exporter.cpu_ms / scrapes
    lines.append(_line(f"node_exporter, {len(SAME_FAMILIES)} collectors", exporter_ms, exporter, f"{scrapes} scrapes"))
    return [*lines, f"  CPU of the agent is {agent_ms / exporter_ms:.2f} of node_exporter's"]


def _line(name: str, cpu_ms: float, cost: Cost, over: str) -> str:
    return f"  {name:<30} {cpu_ms:6.2f} ms CPU a collection   {cost.resident_bytes / 1e6:5.1f} MB RSS   ({over})"
