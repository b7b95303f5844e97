"""What is measured on a host: one file per collector, and the table of all of them."""

import sys
from collections.abc import Collection, Iterable

from agent.collectors.collection import Running
from agent.collectors.collector import Closable, MakeCollector
from agent.collectors.cpu import Cpu
from agent.collectors.disk import Disk
from agent.collectors.disk_io import DiskIo
from agent.collectors.load import Load
from agent.collectors.memory import Memory
from agent.collectors.network import Network
from agent.collectors.processes import Processes
from agent.collectors.swap import Swap
from agent.collectors.uptime import Uptime

COLLECTORS: tuple[MakeCollector, ...] = (
    Cpu,
    Load,
    Memory,
    Swap,
    Disk,
    DiskIo,
    Network,
    Processes,
    Uptime,
)


def all_collectors(platform: str = sys.platform) -> list[Running]:
    """New collectors, without a memory of earlier samples, for `collect_all`."""
    if platform == "linux":
        return [Running(make()) for make in COLLECTORS]
    from agent.collectors.portable import portable_collectors

    return [Running(collector) for collector in portable_collectors()]


def switched(running: Iterable[Running], before: Collection[str], now: Collection[str]) -> list[Running]:
    """After another choice of metric groups: what stays goes on, what was switched off ends, and what was switched on
    begins without a memory of earlier samples. A collector that is no metric group, like a user's own, goes on.
    """
    staying: list[Running] = []
    for each in running:
        if each.collector.name not in before or each.collector.name in now:
            staying.append(each)
        elif isinstance(each.collector, Closable):
            each.collector.close()
    begun = [each for each in all_collectors() if each.collector.name in now and each.collector.name not in before]
    return staying + begun
