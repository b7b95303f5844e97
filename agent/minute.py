"""The line a minute that proves life, and the troubles that would otherwise fill the log."""

import logging
import time
from collections.abc import Callable

log = logging.getLogger("agent")

PERIOD_SECONDS = 60.0


class Minute:
    """Counts are totals since the start; the line tells what the last minute added."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since = clock()
        self._confirmed_before = 0
        self._lost_before = 0
        self._said_lost = False
        self._not_kept = ""

    def tick(self, confirmed_count: int, waiting_count: int, lost_count: int) -> None:
        """Once an interval; speaks once a minute, and at the first loss at once."""
        if lost_count > self._lost_before and not self._said_lost:
            log.warning("records are lost (spool full or damaged, record too large), each range named in a loss record")
            self._said_lost = True
        if self._clock() - self._since < PERIOD_SECONDS:
            return
        sent, lost = confirmed_count - self._confirmed_before, lost_count - self._lost_before
        log.info("1 min: %d records sent, %d waiting, %d lost", sent, waiting_count, lost)
        self._since += PERIOD_SECONDS * int((self._clock() - self._since) // PERIOD_SECONDS)
        self._confirmed_before, self._lost_before = confirmed_count, lost_count
        self._not_kept, self._said_lost = "", lost > 0

    def not_kept(self, why: str) -> None:
        """A record could not be written: said once a minute at most."""
        if why != self._not_kept:
            log.error("disk refuses (%s), this record is not kept; trying again with the next", why)
        self._not_kept = why
