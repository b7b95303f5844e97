"""CPU and memory of processes, children included."""

import time
from dataclasses import dataclass

import psutil

BEFORE = "it took before records were accounted for"
SCHEDULER_CLOCK = 2  # the kernel's CPUCLOCK_SCHED: nanoseconds on a core, all threads, ended ones too


@dataclass(frozen=True, slots=True)
class Cost:
    """User and system CPU of a process tree since it started, and its resident memory now."""

    cpu_ms: float
    resident_bytes: int

    def __sub__(self, earlier: "Cost") -> "Cost":
        return Cost(self.cpu_ms - earlier.cpu_ms, self.resident_bytes)


def cost_of(process_id: int) -> Cost:
    """The cost of a process and its running descendants; a child that has ended takes its CPU along."""
    root = psutil.Process(process_id)
    costs = [_cost_of_one(each) for each in (root, *root.children(recursive=True))]
    return Cost(sum(cost.cpu_ms for cost in costs), sum(cost.resident_bytes for cost in costs))


def _cost_of_one(process: psutil.Process) -> Cost:
    try:
        return Cost(cpu_ms(process.pid), process.memory_info().rss)
    except (psutil.NoSuchProcess, OSError):  # it ended just now
        return Cost(0.0, 0)


def cpu_ms(process_id: int) -> float:
    """Milliseconds on a core by the scheduler's own count: what /proc/<pid>/stat tells comes in steps of 10 ms."""
    return time.clock_gettime_ns(~process_id << 3 | SCHEDULER_CLOCK) / 1e6
