"""How much memory was moved out to disk."""

from agent.collectors.cgroup import Cgroup
from agent.collectors.collector import EVERYWHERE, Fact
from agent.collectors.memory import container_total_bytes, read_meminfo
from agent.host import Host
from rabbitmq.records import Readings

FACTS = (
    Fact(
        metric="swap.total_bytes",
        unit="B",
        meaning="Swap space; 0 where there is none.",
        opentelemetry="healthmon.system.paging.limit",
        in_container="The container's limit, or the host's swap where none is set.",
        platform=EVERYWHERE,
    ),
    Fact(
        metric="swap.used_bytes",
        unit="B",
        meaning="Swap space in use.",
        opentelemetry="system.paging.usage (system.paging.state=used)",
        in_container="By the container.",
        platform=EVERYWHERE,
    ),
    Fact(
        metric="swap.free_bytes",
        unit="B",
        meaning="Swap space that is left.",
        opentelemetry="system.paging.usage (system.paging.state=free)",
        platform=EVERYWHERE,
    ),
    Fact(
        metric="swap.usage_percent",
        unit="%",
        meaning="Used of total; not given where there is no swap.",
        opentelemetry="system.paging.utilization",
        platform=EVERYWHERE,
    ),
)


class Swap:
    """The swap space of the host, or the container's share of it."""

    name = "swap"
    period_seconds = None
    facts = FACTS

    def collect(self, host: Host, now_seconds: float) -> Readings:  # noqa: ARG002 - no rate
        meminfo = read_meminfo(host)
        if host.scope == "container":
            use = Cgroup(host).memory()
            return swap_readings(container_total_bytes(use.swap_limit_bytes, meminfo["SwapTotal"]), use.swap_used_bytes)
        return swap_readings(meminfo["SwapTotal"], meminfo["SwapTotal"] - meminfo["SwapFree"])


def swap_readings(total_bytes: float, used_bytes: float) -> Readings:
    """Readings from swap space and its use, in bytes."""
    readings = {
        "swap.total_bytes": total_bytes,
        "swap.used_bytes": used_bytes,
        "swap.free_bytes": max(0.0, total_bytes - used_bytes),
    }
    if total_bytes > 0:
        readings["swap.usage_percent"] = min(100.0, 100 * used_bytes / total_bytes)
    return readings
