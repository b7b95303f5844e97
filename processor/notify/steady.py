"""The desk's own time: it goes on evenly while the process runs, whatever people do to the wall clock. Pure.

    kept times (wall clock) --as this process first sees them--> steady times --decide, wait, give up

A time that is kept is what the wall clock showed, so that people can read it; it is turned into a steady one once.
What was done to the clock before this process began nobody knows: a time that has passed, and seems to be still to
come, has just passed; a wait that seems longer than it can be begins again. So a clock that was set delays a notice at
most by its own wait, and while a process runs not at all.
"""

from dataclasses import dataclass, replace
from typing import Any

from processor.silence.sentences import Clocks
from store.response import Notice

LEASE_MS = 30_000


@dataclass(frozen=True, slots=True)
class Now:
    """One moment by both clocks."""

    steady_ms: int
    wall_ms: int

    def as_wall(self, steady_ms: int) -> int:
        return steady_ms + self.wall_ms - self.steady_ms

    def as_steady(self, kept: Notice, longest_retry_ms: int, known: "Known | None") -> Notice:
        """A notice in steady times. After a failed try it waits for `longest_retry_ms` at most.

        `known` is the same as it was seen before: times that have not changed stay where they were.
        """
        wait_ms = longest_retry_ms if kept.attempts else max(0, kept.due_ms - kept.created_ms)
        times: dict[str, Any] = {}
        for name, longest_ms in {**_LONGEST_MS, "due_ms": wait_ms}.items():
            wall_ms = getattr(kept, name)
            if known is not None and getattr(known[0], name) == wall_ms:
                times[name] = getattr(known[1], name)
            elif wall_ms is not None:
                times[name] = self.steady_ms + min(wall_ms - self.wall_ms, longest_ms)
        return replace(kept, **times)


Known = tuple[Notice, Notice]
"""A notice as it is kept and in steady times."""

_LONGEST_MS = {"created_ms": 0, "leased_until_ms": LEASE_MS, "delivered_ms": 0, "dead_ms": 0, "cancelled_ms": 0}


class SteadyClock:
    """Shows what the wall clock showed when it was looked at first, and the time since."""

    def __init__(self) -> None:
        self._ahead_ms: int | None = None  # of the monotonic clock

    def now(self, clocks: Clocks) -> Now:
        if self._ahead_ms is None:
            self._ahead_ms = clocks.wall_ms - clocks.monotonic_ms
        return Now(clocks.monotonic_ms + self._ahead_ms, clocks.wall_ms)
