"""What a collector is, and how it tells what it measures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, runtime_checkable

from agent.host import Host
from rabbitmq.readings import reading_name
from rabbitmq.records import Readings

LINUX = "Linux"
EVERYWHERE = "Linux, macOS, Windows"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What docs/metrics.md says of one metric. `in_container` is empty where the metric is the same there."""

    metric: str
    unit: str
    meaning: str
    opentelemetry: str
    label: str = ""
    in_container: str = ""
    platform: str = LINUX


class Collector(Protocol):
    """Measures one thing. `period_seconds` is None when it does so at every interval.

    `collect` gets the time of a clock that is never set (seconds since boot). It raises Partial when a part failed, and
    anything else when all of it did.
    """

    @property
    def name(self) -> str: ...

    @property
    def period_seconds(self) -> float | None: ...

    @property
    def facts(self) -> tuple[Fact, ...]: ...

    def collect(self, host: Host, now_seconds: float) -> Readings: ...


@runtime_checkable
class Closable(Protocol):
    """A collector that holds threads or files; `close` lets them go."""

    def close(self) -> None: ...


MakeCollector = Callable[[], Collector]


class Partial(Exception):
    """Some of a collector's readings could not be had: `errors` names each missing part and says why."""

    def __init__(self, readings: Readings, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{part}: {reason}" for part, reason in errors.items()))
        self.readings = readings
        self.errors = dict(errors)


class NotHere(Exception):
    """This system does not offer what the collector needs; the text says what."""


@lru_cache(maxsize=16384)
def labelled(metric: str, label: str, value: str) -> str:
    """A reading's name with one label; remembered, because the same few names return with each collection."""
    return reading_name(metric, **{label: value})
