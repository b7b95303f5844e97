"""How busy the processors are: in all, by core and by mode."""

import math

from agent.collectors.cgroup import Cgroup
from agent.collectors.collector import EVERYWHERE, Fact, labelled
from agent.collectors.rates import Counters, Rate, Rates
from agent.host import Host
from rabbitmq.records import Readings

MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
IDLE, IOWAIT = MODES.index("idle"), MODES.index("iowait")
ALL_CORES = ""  # the line of /proc/stat that sums up all cores

FACTS = (
    Fact(
        metric="cpu.usage_percent",
        unit="%",
        meaning="Time not idle and not waiting for I/O, of all cores together.",
        opentelemetry="system.cpu.utilization",
        in_container="Of the container's limit, or of the cores it may run on.",
        platform=EVERYWHERE,
    ),
    Fact(
        metric="cpu.core.usage_percent",
        label="core",
        unit="%",
        meaning="The same for one core.",
        opentelemetry="system.cpu.utilization (cpu.logical_number)",
        in_container="Not given: cores belong to the host.",
        platform=EVERYWHERE,
    ),
    Fact(
        metric="cpu.mode_percent",
        label="mode",
        unit="%",
        meaning=f"Time spent in one mode, of all cores together: {', '.join(MODES)}.",
        opentelemetry="system.cpu.utilization (cpu.mode)",
        in_container="user and system, of the same limit.",
        platform=EVERYWHERE,
    ),
)


class Cpu:
    """Percentages between two collections; the first one gives none."""

    name = "cpu"
    period_seconds = None
    facts = FACTS

    def __init__(self) -> None:
        self._rates = Rates()
        self._highest: dict[str, tuple[float, ...]] = {}

    def collect(self, host: Host, now_seconds: float) -> Readings:
        if host.scope == "container":
            return self._collect_container(host, now_seconds)
        self._highest = smooth(self._highest, parse_stat(host.read_proc("stat")))
        return usage_readings(self._rates.per_second(self._highest, now_seconds))

    def _collect_container(self, host: Host, now_seconds: float) -> Readings:
        use = Cgroup(host).cpu()
        counters = {ALL_CORES: (use.used_seconds, use.user_seconds, use.system_seconds)}
        rates = self._rates.per_second(counters, now_seconds)
        if ALL_CORES not in rates:
            return {}
        cores = min(use.limit_cores or math.inf, usable_cores(host))
        used, user, system = (min(100.0, 100 * rate / cores) for rate in rates[ALL_CORES])
        return {
            "cpu.usage_percent": used,
            labelled("cpu.mode_percent", "mode", "user"): user,
            labelled("cpu.mode_percent", "mode", "system"): system,
        }


def parse_stat(stat: bytes) -> dict[str, tuple[float, ...]]:
    """The clock ticks of `MODES` for each core of /proc/stat, by its number; the sum of all under `ALL_CORES`."""
    ticks = {}
    for line in stat[: stat.index(b"\nintr")].splitlines():
        name, *values = line.split()
        ticks[name[3:].decode("ascii")] = tuple(map(float, values[: len(MODES)]))
    return ticks


def smooth(highest: Counters, ticks: Counters) -> dict[str, tuple[float, ...]]:
    """Hold back counters that fall a little while their core's sum grows, as the kernel's idle and iowait may do."""
    smoothed = dict(ticks)
    for core in smoothed.keys() & highest.keys():
        if sum(ticks[core]) >= sum(highest[core]):
            smoothed[core] = tuple(map(max, ticks[core], highest[core]))
    return smoothed


def usage_readings(rates: Rate) -> Readings:
    """Readings from ticks per second in the order of `MODES`; a core whose clock stood still has none."""
    readings: Readings = {}
    for core, ticks in rates.items():
        total = sum(ticks)
        if total <= 0:
            continue
        usage_percent = 100 * (total - ticks[IDLE] - ticks[IOWAIT]) / total
        if core != ALL_CORES:
            readings[labelled("cpu.core.usage_percent", "core", core)] = usage_percent
            continue
        readings["cpu.usage_percent"] = usage_percent
        for mode, value in zip(MODES, ticks, strict=True):
            readings[labelled("cpu.mode_percent", "mode", mode)] = 100 * value / total
    return readings


def usable_cores(host: Host) -> int:
    """How many cores this process may run on."""
    status = host.read_proc("self/status")
    _, _, rest = status.partition(b"Cpus_allowed_list:")
    ranges = (part.partition(b"-") for part in rest.split(b"\n", 1)[0].split(b","))
    return sum(int(last or first) - int(first) + 1 for first, _, last in ranges)
