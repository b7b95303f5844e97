"""A disk that fills and empties by the clock, so that every run has incidents that the checker can predict."""

import time

from agent import collectors
from agent.collectors.collection import Running
from agent.collectors.collector import Fact
from agent.host import Host
from rabbitmq.records import Readings

FULL_SECONDS = 13  # longer than the rule's hold time
READING = 'disk.usage_percent{mount="/faults"}'


class ScriptedDisk:
    name = "scripted disk"
    period_seconds: float | None = None
    facts: tuple[Fact, ...] = ()

    def collect(self, _host: Host, _now_seconds: float) -> Readings:
        return {READING: 97.0 if time.time() % (2 * FULL_SECONDS) < FULL_SECONDS else 40.0}


def install() -> None:
    """In place of the real collectors, whose readings would open incidents of this machine."""
    collectors.all_collectors = lambda platform="": [Running(ScriptedDisk())]  # noqa: ARG005
