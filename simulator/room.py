"""Whether so many agents fit here, asked before the first one starts: open files, and the container's memory."""

import resource
from pathlib import Path

SPARE_FILES = 100
SPOOL_BYTES = 1024 * 1024  # of each agent; half of it is the spool's reserve
KEPT_BYTES = SPOOL_BYTES // 2  # some 110 reports, kept until the processor tells that it has them
AGENT_BYTES, REPORT_BYTES = 130_000, 4_600  # measured: one with its connection, and each report that it keeps
CGROUP = Path("/sys/fs/cgroup")
_LIMITS = (
    ("memory.max", "memory.stat", "anon"),
    ("memory/memory.limit_in_bytes", "memory/memory.stat", "total_rss"),
)


class NoRoom(Exception):
    """Why so many do not fit, and what now."""


def make_room(agents: int, reports_each: int, cgroup: Path = CGROUP) -> None:
    """Raises NoRoom. The soft limit of open files is raised as far as it may be: each connection is a file."""
    _make_room_for_files(agents + SPARE_FILES)
    free_bytes = free_memory_bytes(cgroup)
    each_bytes = AGENT_BYTES + min(KEPT_BYTES, reports_each * REPORT_BYTES)
    if free_bytes is not None and agents * each_bytes > free_bytes:
        raise NoRoom(
            f"So many agents may need {agents * each_bytes / 1e6:,.0f} MB of memory, and this container has "
            f"{free_bytes / 1e6:,.0f} MB left. Simulate at most {free_bytes // each_bytes:,} agents here, or start "
            "the simulator where there is more."
        )


def _make_room_for_files(needed: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and needed > hard:
        raise NoRoom(
            f"So many agents need {needed:,} open files, and this process may open {hard:,}. "
            f"Simulate at most {max(0, hard - SPARE_FILES):,} agents, or raise the limit first: ulimit -n {needed}"
        )
    if soft != resource.RLIM_INFINITY and needed > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def free_memory_bytes(cgroup: Path) -> int | None:
    """What the limit of this container leaves, or None where there is no limit that can be read."""
    for limit_file, statistics_file, used in _LIMITS:
        try:
            limit = (cgroup / limit_file).read_text().strip()
            statistics = dict(line.split() for line in (cgroup / statistics_file).read_text().splitlines())
            return None if limit == "max" else max(0, int(limit) - int(statistics[used]))
        except (OSError, ValueError, KeyError):
            continue
    return None
