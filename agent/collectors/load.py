"""How many tasks run or wait to run."""

from agent.collectors.collector import EVERYWHERE, Fact
from agent.host import Host
from rabbitmq.records import Readings

MINUTES = ("1m", "5m", "15m")
NOT_GIVEN = "Not given: the kernel counts the tasks of the whole host only."

FACTS = tuple(
    Fact(
        metric=f"load.{minutes}",
        unit="tasks",
        meaning=f"Tasks running or waiting for a core or a disk, averaged over {minutes[:-1]} min.",
        opentelemetry=f"healthmon.system.load.{minutes}",
        in_container=NOT_GIVEN,
        platform=EVERYWHERE,
    )
    for minutes in MINUTES
) + tuple(
    Fact(
        metric=f"load.{minutes}_per_core",
        unit="tasks",
        meaning=f"The same, divided by the number of cores: above 1 for long, tasks wait ({minutes[:-1]} min).",
        opentelemetry=f"healthmon.system.load.{minutes}_per_core",
        in_container=NOT_GIVEN,
        platform=EVERYWHERE,
    )
    for minutes in MINUTES
)


class Load:
    """The load averages of the host."""

    name = "load"
    period_seconds = None
    facts = FACTS

    def __init__(self) -> None:
        self._cores = 0

    def collect(self, host: Host, now_seconds: float) -> Readings:  # noqa: ARG002 - a load is no rate
        if host.scope == "container":
            return {}
        self._cores = self._cores or host_cores(host)
        averages = map(float, host.read_proc("loadavg").split()[: len(MINUTES)])
        return load_readings(tuple(averages), self._cores)


def load_readings(averages: tuple[float, ...], cores: int) -> Readings:
    """Readings from the averages in the order of `MINUTES`."""
    readings: Readings = {}
    for minutes, average in zip(MINUTES, averages, strict=True):
        readings[f"load.{minutes}"] = average
        readings[f"load.{minutes}_per_core"] = average / cores
    return readings


def host_cores(host: Host) -> int:
    """The cores that are online, at least 1."""
    return max(1, host.read_proc("stat").count(b"\ncpu"))
