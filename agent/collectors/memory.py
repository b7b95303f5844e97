"""How much memory there is and how much of it is left."""

import re

from agent.collectors.cgroup import Cgroup
from agent.collectors.collector import EVERYWHERE, Fact
from agent.host import Host
from rabbitmq.records import Readings

_LINE = re.compile(
    rb"^(MemTotal|MemAvailable|Buffers|Cached|SReclaimable|SwapTotal|SwapFree):\s+(\d+) kB$", re.MULTILINE
)

FACTS = (
    Fact(
        metric="memory.total_bytes",
        unit="B",
        meaning="Memory the kernel can use.",
        opentelemetry="system.memory.limit",
        in_container="The container's limit, or the host's memory where none is set.",
        platform=EVERYWHERE,
    ),
    Fact(
        metric="memory.used_bytes",
        unit="B",
        meaning="Total less available.",
        opentelemetry="system.memory.usage (system.memory.state=used)",
        in_container="What the container uses, less file pages that can be dropped at once.",
        platform=EVERYWHERE,
    ),
    Fact(
        metric="memory.available_bytes",
        unit="B",
        meaning="What programs can still get without swapping, as the kernel estimates it.",
        opentelemetry="system.memory.linux.available",
        in_container="Up to the container's limit, and never more than the host has.",
        platform=EVERYWHERE,
    ),
    Fact(
        metric="memory.cached_bytes",
        unit="B",
        meaning="Pages of files and kernel caches that can be given back.",
        opentelemetry="system.memory.usage (system.memory.state=cached)",
        in_container="Pages of files.",
    ),
    Fact(
        metric="memory.buffers_bytes",
        unit="B",
        meaning="Raw disk blocks kept in memory.",
        opentelemetry="system.memory.usage (system.memory.state=buffers)",
        in_container="Not given: buffers belong to the host.",
    ),
    Fact(
        metric="memory.usage_percent",
        unit="%",
        meaning="Used of total.",
        opentelemetry="system.memory.utilization",
        platform=EVERYWHERE,
    ),
)


class Memory:
    """The memory of the host, or of the container within its limit."""

    name = "memory"
    period_seconds = None
    facts = FACTS

    def collect(self, host: Host, now_seconds: float) -> Readings:  # noqa: ARG002 - no rate
        meminfo = read_meminfo(host)
        if host.scope == "container":
            return _container_readings(Cgroup(host), meminfo)
        readings = memory_readings(meminfo["MemTotal"], meminfo["MemAvailable"])
        readings["memory.cached_bytes"] = meminfo["Cached"] + meminfo.get("SReclaimable", 0.0)
        readings["memory.buffers_bytes"] = meminfo["Buffers"]
        return readings


def memory_readings(total_bytes: float, available_bytes: float) -> Readings:
    """What every system tells."""
    return {
        "memory.total_bytes": total_bytes,
        "memory.used_bytes": total_bytes - available_bytes,
        "memory.available_bytes": available_bytes,
        "memory.usage_percent": 100 * (total_bytes - available_bytes) / total_bytes,
    }


def read_meminfo(host: Host) -> dict[str, float]:
    """The lines of /proc/meminfo that are reported, in bytes."""
    lines = _LINE.findall(host.read_proc("meminfo"))
    return {name.decode("ascii"): float(kibibytes) * 1024 for name, kibibytes in lines}


def container_total_bytes(limit_bytes: float | None, host_bytes: float) -> float:
    """A container's memory: its limit, unless there is none or it promises more than the host has."""
    return host_bytes if limit_bytes is None else min(limit_bytes, host_bytes)


def _container_readings(cgroup: Cgroup, meminfo: dict[str, float]) -> Readings:
    use = cgroup.memory()
    total_bytes = container_total_bytes(use.limit_bytes, meminfo["MemTotal"])
    left_bytes = max(0.0, total_bytes - use.used_bytes)
    return {
        "memory.total_bytes": total_bytes,
        "memory.used_bytes": use.used_bytes,
        "memory.available_bytes": min(left_bytes, meminfo["MemAvailable"]),
        "memory.cached_bytes": use.cached_bytes,
        "memory.usage_percent": min(100.0, 100 * use.used_bytes / total_bytes),
    }
