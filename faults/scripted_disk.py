"""A disk that fills and empties by the clock, so that every run has incidents that the checker can predict."""

import random
import time

from agent import collectors
from agent.collectors.collection import Running
from agent.collectors.collector import Fact
from agent.host import Host
from rabbitmq.records import Readings

FULL_SECONDS = 13  # longer than the rule's hold time
READING = 'disk.usage_percent{mount="/faults"}'


class ScriptedDisk:
    name = "disk"  # a collector by another name is no metric group, and left out
    period_seconds: float | None = None
    facts: tuple[Fact, ...] = ()

    def __init__(self, ballast: int) -> None:
        self._ballast = ballast

    def collect(self, _host: Host, _now_seconds: float) -> Readings:
        ballast = {f'faults.ballast{{n="{number:05}"}}': random.random() for number in range(self._ballast)}  # noqa: S311
        return {READING: 97.0 if time.time() % (2 * FULL_SECONDS) < FULL_SECONDS else 40.0, **ballast}


def install(ballast: int) -> None:
    """In place of the real collectors, whose readings would open incidents of this machine. `ballast` is how many
    readings, of about 50 bytes each, make the snapshots heavy."""
    collectors.all_collectors = lambda platform="": [Running(ScriptedDisk(ballast))]  # noqa: ARG005
