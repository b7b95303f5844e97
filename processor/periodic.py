"""Work that happens by the clock, inside somebody else's loop."""

import time
from collections.abc import Callable


class Periodic:
    """Does its work when at least `period_seconds` have gone by since the last time, or since it was made."""

    def __init__(self, period_seconds: float, work: Callable[[], object]) -> None:
        self._period_seconds = period_seconds
        self._work = work
        self._last = time.monotonic()

    def do_if_due(self, now: float) -> None:
        """`now` is monotonic, in seconds. What raises is due again at once."""
        if now - self._last >= self._period_seconds:
            self._work()
            self._last = now
