"""What is older than the settings keep goes, about a second at a time: all else waits for the store meanwhile."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine

from processor.periodic import Turn
from store import retention

LONGEST_TURN_MS = 1_000
DEAD_NOTICES_STAY_MS = 30 * 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class Expiry:
    """`now_ms` is the wall clock, `monotonic_ms` the one that turns are measured by."""

    engine: Engine
    retention_ms: int
    now_ms: Callable[[], int]
    monotonic_ms: Callable[[], int]

    def drop(self, fence_epoch: int | None) -> Turn:
        """One turn by the claim of the active processor; nothing where that is another one (None).

        Raises Fenced and StoreUnavailable.
        """
        if fence_epoch is None:
            return Turn.DONE
        now_ms, ends_ms = self.now_ms(), self.monotonic_ms() + LONGEST_TURN_MS
        retention.drop_before(
            self.engine,
            now_ms - self.retention_ms,
            fence_epoch,
            now_ms - DEAD_NOTICES_STAY_MS,
            has_time=lambda: self.monotonic_ms() < ends_ms,
        )
        return Turn.DONE if self.monotonic_ms() < ends_ms else Turn.UNFINISHED
