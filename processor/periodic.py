"""Work that happens by the clock, inside somebody else's loop."""

import logging
import time
from collections.abc import Callable, Sequence
from enum import Enum

from store.engine import StoreUnavailable
from store.fence import Fenced

log = logging.getLogger(__name__)


class Turn(Enum):
    """How a turn of a job ended: one that is UNFINISHED goes on with the next tick."""

    DONE = "done"
    UNFINISHED = "unfinished"


class Periodic:
    """Does its work when at least `period_seconds` have gone by since the last time, or since it was made."""

    def __init__(self, name: str, period_seconds: float, work: Callable[[], object]) -> None:
        self._name = name
        self._period_seconds = period_seconds
        self._work = work
        self._last = time.monotonic()
        self._failure = ""

    def do_if_due(self, now: float) -> None:
        """`now` is monotonic, in seconds.

        Raises StoreUnavailable and Fenced: the work is due again at once. Whatever else fails is said once and tried
        again a period later: records are kept whatever becomes of it.
        """
        if now - self._last < self._period_seconds:
            return
        try:
            if self._work() is Turn.UNFINISHED:
                return
        except (StoreUnavailable, Fenced):
            raise
        except Exception as error:  # noqa: BLE001 nothing that happens by the clock may stop the records
            self._tell(error)
        else:
            self._failure = ""
        self._last = now

    def _tell(self, error: Exception) -> None:
        failure = f"{type(error).__name__}: {error}"
        if failure != self._failure:
            log.error(
                "%s failed, it is tried again each %g s: %s", self._name, self._period_seconds, failure, exc_info=error
            )
        self._failure = failure


class Round:
    """Jobs in their order, those that are due. What the store refused comes last until it succeeds: it holds up no
    other."""

    def __init__(self, jobs: Sequence[Periodic]) -> None:
        self._jobs = jobs
        self._refused: list[Periodic] = []

    def go(self) -> None:
        """One round. Raises as the jobs do, then without those behind."""
        for job in [*(job for job in self._jobs if job not in self._refused), *self._refused]:
            try:
                job.do_if_due(time.monotonic())
            except StoreUnavailable:
                self._refused = [*(other for other in self._refused if other is not job), job]
                raise
            self._refused = [other for other in self._refused if other is not job]
