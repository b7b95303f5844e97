"""One collection: all collectors whose turn it is, none of which can stop the others."""

from collections.abc import Iterable
from dataclasses import dataclass

from agent.collectors.collector import Collector, NotHere, Partial
from agent.host import Host
from agent.plain_text import plain_text, why_unfit
from rabbitmq.readings import NOT_OFFERED
from rabbitmq.records import Readings

LONGEST_NAME = 256  # of a reading or a collector in a snapshot
LONGEST_REASON = 4096


@dataclass(slots=True)
class Running:
    """A collector and the last of its periods in which it ran."""

    collector: Collector
    last_period: int | None = None

    def is_due(self, now_seconds: float) -> bool:
        """Once in each period, counted from boot; the instant within a period does not matter. Marks it as run."""
        if self.collector.period_seconds is None:
            return True
        period = int(now_seconds // self.collector.period_seconds)
        due = period != self.last_period
        self.last_period = period
        return due


def collect_all(collectors: Iterable[Running], host: Host, now_seconds: float) -> tuple[Readings, dict[str, str]]:
    """The readings of all collectors that are due, and why what is missing is missing.

    Errors are keyed by the collector's name, or by a part of it like `disk{mount="/backup"}`. Between its periods a
    slower collector gives nothing. `now_seconds` is `agent.host.boot_seconds()`.
    """
    readings: Readings = {}
    errors: dict[str, str] = {}
    for running in collectors:
        if running.is_due(now_seconds):
            found, missing = _collect(running.collector, host, now_seconds)
            readings.update(found)
            errors.update(missing)
    return readings, {
        _named(part)[:LONGEST_NAME]: plain_text(reason)[:LONGEST_REASON] for part, reason in errors.items()
    }


def _named(part: str) -> str:
    """As it is, so that it is found again, where a record can hold it."""
    return plain_text(part) if why_unfit(part) else part


def _collect(collector: Collector, host: Host, now_seconds: float) -> tuple[Readings, dict[str, str]]:
    try:
        found, missing = collector.collect(host, now_seconds), {}
    except Partial as partial:
        found, missing = partial.readings, partial.errors
    except NotHere as not_here:
        return {}, {collector.name: f"{NOT_OFFERED}{not_here}"}
    except Exception as error:  # noqa: BLE001 - reported in the snapshot, so that no collector stops another
        return {}, {collector.name: f"{type(error).__name__}: {error}"}
    for name in [name for name in found if len(name) > LONGEST_NAME or not name.isprintable()]:
        why_not = f"is longer than {LONGEST_NAME} characters" if len(name) > LONGEST_NAME else why_unfit(name)
        if why_not:
            del found[name]
            missing[collector.name] = f"a reading's name {why_not}: {name[:80]}..."
    return found, missing
