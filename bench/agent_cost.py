"""The agent beside node_exporter: CPU a collection and resident memory, each once a second over the same time."""

import shutil
import time
import urllib.request

from agent.status import read_statuses
from bench.cost import cost_of
from bench.stage import Stage
from deploy.local.broker import free_ports

NODE_EXPORTER = "prometheus-node-exporter"
SAME_FAMILIES = ("cpu", "loadavg", "meminfo", "filesystem", "diskstats", "netdev", "vmstat")
WARM_UP_SECONDS = 5


def measure(stage: Stage, seconds: int) -> list[str]:
    """Lines to print. The agent collects, spools durably, publishes confirmed; node_exporter answers a scrape."""
    agent = stage.start("agent", "run", HEALTHMON_INTERVAL_SECONDS="1")
    exporter_port = free_ports(1)[0]
    exporter = _start_exporter(stage, exporter_port)
    _scrape_each_second(exporter_port if exporter else None, WARM_UP_SECONDS)
    agent_before, snapshots_before = cost_of(agent), _snapshots(stage)
    exporter_before = cost_of(exporter) if exporter else None
    scrapes = _scrape_each_second(exporter_port if exporter else None, seconds)
    agent_cost, snapshots = cost_of(agent) - agent_before, _snapshots(stage) - snapshots_before
    per_snapshot = agent_cost.cpu_ms / snapshots
    lines = [_line("healthmon-agent", per_snapshot, agent_cost.resident_bytes, f"{snapshots} snapshots")]
    if exporter and exporter_before:
        cost = cost_of(exporter) - exporter_before
        per_scrape = cost.cpu_ms / scrapes
        lines.append(_line("node_exporter, 7 collectors", per_scrape, cost.resident_bytes, f"{scrapes} scrapes"))
        lines.append(f"  CPU: agent / node_exporter = {per_snapshot / per_scrape:.2f}")
    else:
        lines.append(f"  node_exporter is not installed (apt-get install {NODE_EXPORTER}): nothing beside it")
    stage.stop_all()
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


def _scrape_each_second(port: int | None, seconds: int) -> int:
    next_at = time.monotonic()
    for _ in range(seconds):
        next_at += 1
        time.sleep(max(0.0, next_at - time.monotonic()))
        if port is not None:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                answer.read()
    return seconds


def _snapshots(stage: Stage) -> int:
    return sum(status.last_seq for status in read_statuses(stage.folder / "agent"))


def _line(name: str, cpu_ms: float, resident_bytes: int, over: str) -> str:
    return f"  {name:<30} {cpu_ms:6.2f} ms CPU a collection   {resident_bytes / 2**20:5.1f} MiB RSS   ({over})"
