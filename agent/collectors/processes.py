"""How many processes there are, and in which state."""

import os
from collections import Counter
from collections.abc import Iterator

from agent.collectors.collector import Fact, labelled
from agent.host import Host
from rabbitmq.records import Readings

STATES = {
    "R": "running",
    "S": "sleeping",
    "D": "blocked",
    "Z": "zombie",
    "T": "stopped",
    "t": "stopped",
    "I": "idle",
}
IN_CONTAINER = "Of the container."
_STAT_BYTES = 256  # the state comes third, after a name of 15 characters in brackets

FACTS = (
    Fact(
        metric="processes.total",
        unit="processes",
        meaning="Processes, kernel threads included.",
        opentelemetry="system.process.count",
        in_container=IN_CONTAINER,
    ),
    Fact(
        metric="processes.count",
        label="state",
        unit="processes",
        meaning="Processes in one state: running, sleeping, blocked (on a disk, cannot be killed), zombie (ended, its "
        "parent did not notice), stopped, idle (a kernel thread).",
        opentelemetry="system.process.count (system.process.status)",
        in_container=IN_CONTAINER,
    ),
)


class Processes:
    """Counts by state. Walking over all processes costs more than everything else, so it has a slower period."""

    name = "processes"
    period_seconds = 60.0
    facts = FACTS

    def collect(self, host: Host, now_seconds: float) -> Readings:  # noqa: ARG002 - no rate
        counts = Counter(STATES.get(letter, "other") for letter in state_letters(f"{host.proc}"))
        readings: Readings = {"processes.total": float(counts.total())}
        for state in dict.fromkeys(STATES.values()):
            readings[labelled("processes.count", "state", state)] = float(counts[state])
        return readings


def state_letters(proc: str) -> Iterator[str]:
    """The state of each process that is there while its turn comes; raises OSError when /proc is not readable."""
    folder = os.open(proc, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in os.listdir(folder):  # noqa: PTH208 - names alone are needed, below a held folder
            if name.isdecimal():
                yield from _state_letter(folder, name)
    finally:
        os.close(folder)


def _state_letter(folder: int, pid: str) -> Iterator[str]:
    try:
        descriptor = os.open(f"{pid}/stat", os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        return
    try:
        stat = os.read(descriptor, _STAT_BYTES)
    except ProcessLookupError:
        return
    finally:
        os.close(descriptor)
    yield chr(stat[stat.rindex(b")") + 2])
