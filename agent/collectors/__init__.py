"""What is measured on a host: one file per collector, and the table of all of them."""

import sys

from agent.collectors.collection import Running
from agent.collectors.collector import MakeCollector
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
