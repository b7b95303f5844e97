"""How long the system has been up."""

from agent.collectors.cgroup import TICKS_PER_SECOND
from agent.collectors.collector import EVERYWHERE, Fact
from agent.host import Host
from rabbitmq.records import Readings

START_TICKS = 19  # position in /proc/1/stat after the name in brackets

FACTS = (
    Fact(
        metric="system.uptime_seconds",
        unit="s",
        meaning="Time since the host was booted.",
        opentelemetry="system.uptime",
        in_container="Time since the container's first process started.",
        platform=EVERYWHERE,
    ),
)


class Uptime:
    """Time since boot, or since the container started."""

    name = "uptime"
    period_seconds = None
    facts = FACTS

    def collect(self, host: Host, now_seconds: float) -> Readings:  # noqa: ARG002 - the kernel's own count is reported
        uptime_seconds = float(host.read_proc("uptime").split()[0])
        if host.scope == "container":
            _, _, fields = host.read_proc("1/stat").rpartition(b") ")
            uptime_seconds -= float(fields.split()[START_TICKS]) / TICKS_PER_SECOND
        return {"system.uptime_seconds": max(0.0, uptime_seconds)}
