"""What checks have to tell, until the agent takes it."""

import logging
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from rabbitmq.records import CheckResult

TAKEN_BYTES = 128 * 1024  # half of what a record may have
KEPT_BYTES = 1024 * 1024

log = logging.getLogger("checks")


@dataclass(frozen=True, slots=True)
class FinishedCheck:
    """One run that ended: what travels, and the readings of its performance data."""

    result: CheckResult
    readings: Mapping[str, float]


class Finished:
    """Runs that ended, oldest first, as many as KEPT_BYTES hold. Its user holds a lock."""

    def __init__(self) -> None:
        self._kept: deque[tuple[FinishedCheck, int]] = deque()
        self._kept_bytes = 0
        self._has_told = False

    def add(self, finished: FinishedCheck) -> None:
        size_bytes = len(msgspec.json.encode(finished))
        self._kept.append((finished, size_bytes))
        self._kept_bytes += size_bytes
        while self._kept_bytes > KEPT_BYTES:
            self._kept_bytes -= self._kept.popleft()[1]
            if not self._has_told:
                log.warning("results of checks wait for longer than there is room for: the oldest are dropped")
            self._has_told = True

    def take(self) -> list[FinishedCheck]:
        """Those that a record has room for; the others come with the next."""
        taken: list[FinishedCheck] = []
        taken_bytes = 0
        while self._kept and taken_bytes + self._kept[0][1] <= TAKEN_BYTES:
            finished, size_bytes = self._kept.popleft()
            taken.append(finished)
            taken_bytes += size_bytes
        self._kept_bytes -= taken_bytes
        self._has_told = False
        return taken
