"""The processes that use most at this moment. psutil is loaded at the first question only: it costs memory."""

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from agent.host import plain_name
from rabbitmq.records import ProcessShare

MOST_BY_EACH = 5
MOST_LOOKED_AT = 10_000
BETWEEN_SECONDS = 0.2
ENOUGH_SECONDS = 2.0  # a pass on a host with very many processes ends here, with those it has seen


class Use(NamedTuple):
    """One process at one time: CPU since its start, resident memory now."""

    process_id: int
    name: str
    started_seconds: float
    cpu_seconds: float
    memory_bytes: int


def top_processes(proc: Path, *, sleep: Callable[[float], None] = time.sleep) -> list[ProcessShare]:
    """Two passes over all processes below `proc`, BETWEEN_SECONDS apart: to be called from a thread of its own."""
    before, before_seconds = list(_uses(proc)), time.monotonic()
    sleep(BETWEEN_SECONDS)
    after, after_seconds = list(_uses(proc)), time.monotonic()
    return busiest(before, after, after_seconds - before_seconds)


def busiest(before: Sequence[Use], after: Sequence[Use], elapsed_seconds: float) -> list[ProcessShare]:
    """The first MOST_BY_EACH by CPU between the passes, then those by memory that are not among them."""
    known = {(use.process_id, use.started_seconds): use.cpu_seconds for use in before}
    shares = [
        ProcessShare(
            process_id=use.process_id,
            name=plain_name(use.name),
            cpu_percent=_percent(use, known, elapsed_seconds),
            memory_bytes=use.memory_bytes,
        )
        for use in after
    ]
    busy = [share for share in shares if share.cpu_percent > 0]
    by_cpu = sorted(busy, key=lambda share: share.cpu_percent, reverse=True)[:MOST_BY_EACH]
    by_memory = sorted(shares, key=lambda share: share.memory_bytes, reverse=True)[:MOST_BY_EACH]
    chosen = {share.process_id: share for share in (*by_cpu, *by_memory)}
    return list(chosen.values())


def _percent(use: Use, known: dict[tuple[int, float], float], elapsed_seconds: float) -> float:
    """Of one core; 0 for a process that the first pass has not seen."""
    spent_seconds = use.cpu_seconds - known.get((use.process_id, use.started_seconds), use.cpu_seconds)
    return round(max(100 * spent_seconds / elapsed_seconds, 0.0), 1) if elapsed_seconds > 0 else 0.0


def _uses(proc: Path) -> Iterable[Use]:
    import psutil

    psutil.PROCFS_PATH = str(proc)
    ends = time.monotonic() + ENOUGH_SECONDS
    for process_id in psutil.pids()[:MOST_LOOKED_AT]:
        if time.monotonic() > ends:
            return
        try:
            process = psutil.Process(process_id)
            with process.oneshot():
                times, memory = process.cpu_times(), process.memory_info()
                yield Use(process_id, process.name(), process.create_time(), times.user + times.system, memory.rss)
        except (psutil.Error, OSError):
            continue  # it ended meanwhile, or is none of ours to see
