"""Until when a check may take."""

import threading
import time


class TimeIsUp(Exception):
    """The time of a check is over; the text says how much it had."""


class Deadline:
    """`seconds` from now, or sooner when `stopping` is set because the agent stops."""

    def __init__(self, seconds: float, stopping: threading.Event | None = None) -> None:
        self._seconds = seconds
        self._ends = time.monotonic() + seconds
        self._stopping = stopping

    def remaining_seconds(self) -> float:
        """More than 0; raises TimeIsUp when nothing is left."""
        remaining_seconds = self._ends - time.monotonic()
        if remaining_seconds <= 0 or (self._stopping is not None and self._stopping.is_set()):
            raise self.time_is_up()
        return remaining_seconds

    def time_is_up(self) -> TimeIsUp:
        """For whoever finds out by another clock, like a socket's."""
        return TimeIsUp(f"timed out: no answer within {self._seconds:g} s")
