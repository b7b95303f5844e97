"""CPU and memory of processes, children included."""

from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Cost:
    """User and system CPU of a process tree since it started, and its resident memory now."""

    cpu_ms: float
    resident_bytes: int

    def __sub__(self, earlier: "Cost") -> "Cost":
        return Cost(self.cpu_ms - earlier.cpu_ms, self.resident_bytes)


def cost_of(process_id: int) -> Cost:
    root = psutil.Process(process_id)
    tree = [root, *root.children(recursive=True)]
    cpu_seconds = sum(process.cpu_times().user + process.cpu_times().system for process in tree)
    return Cost(cpu_seconds * 1000, sum(process.memory_info().rss for process in tree))
