"""The spool on disk and, while the disk refuses, one in memory: the current state goes on being sent.

What is on disk is left alone meanwhile. Records in memory have an epoch that no disk knows; when the disk takes records
again they move there under their own numbers. What dies with the process instead is named by the hub.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from agent.batch import Batch
from agent.epoch import memory_epoch
from agent.instance import Instance
from agent.spool import DEFAULT_BOUND_BYTES, DEFAULT_MAX_AGE_SECONDS, Spool, SpoolUnavailable
from agent.spool_open import highest_epoch_known
from agent.stamp import Stamp
from rabbitmq.records import Record
from rabbitmq.statement import Statement

MEMORY_BOUND_BYTES = 2 * 1024 * 1024  # about 1,000 snapshots
RETRY_SECONDS = 30.0
FIRST_MEMORY_POSITION = 1 << 48  # no position of a disk reaches this, so that an answer meets no other record

Answer = TypeVar("Answer")

log = logging.getLogger("agent.spool")


class SpoolWithRefuge:
    """Used as a spool is. `trouble` is what the disk said and what that means, empty while records go to the disk."""

    def __init__(
        self,
        file: Path,
        stamp: Callable[[int, int], Stamp],
        *,
        bound_bytes: int = DEFAULT_BOUND_BYTES,
        max_age_seconds: float = DEFAULT_MAX_AGE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lock = threading.RLock()
        self._file = file
        self._stamp = stamp
        self._bound_bytes = bound_bytes
        self._max_age_seconds = max_age_seconds
        self._clock = clock
        self._retry_at = 0.0
        self._next_memory_position = FIRST_MEMORY_POSITION
        self._in_memory = False
        self._lost_before = 0  # named by spools on disk that refused since
        self.trouble = ""
        try:
            self._active = self._open_disk(None)
        except SpoolUnavailable as error:
            self._active = self._open_memory(highest_epoch_known(file), None)
            self._tell(error)

    def append(self, build: Callable[[Stamp], Record]) -> int:
        """Number, stamp and keep one record; returns its seq. Raises SpoolUnavailable when memory is full, too.

        As `close`, of one thread only: a slow disk is opened without the lock, so that sending goes on meanwhile.
        """
        if self._in_memory and self._clock() >= self._retry_at:
            self._try_to_return()
        with self._lock:
            return self._do(lambda spool: spool.append(build))

    def take_newest(self) -> Batch | None:
        with self._lock:
            return self._do(lambda spool: spool.take_newest())

    def take_oldest(self, limit: int, max_bytes: int) -> Batch | None:
        with self._lock:
            return self._do(lambda spool: spool.take_oldest(limit, max_bytes))

    def put_back(self, positions: Iterable[int]) -> None:
        with self._lock:
            self._active.put_back(positions)

    def confirm(self, positions: Iterable[int]) -> None:
        with self._lock:
            self._active.confirm(positions)

    def settle(self, statement: Statement) -> None:
        """What is told of records that lie on a disk which cannot be used is told again later."""
        with self._lock:
            self._do(lambda spool: self._settle(spool, statement))

    def close(self) -> None:
        if self._in_memory:
            self._try_to_return()
        with self._lock, suppress(SpoolUnavailable):  # what could not be written down is found out at the next start
            self._active.close()

    @property
    def errors(self) -> dict[str, str]:
        """The trouble as a snapshot and the status tell it."""
        return {"spool": self.trouble} if self.trouble else {}

    @property
    def epoch(self) -> int:
        return self._active.epoch

    @property
    def last_seq(self) -> int:
        return self._active.last_seq

    @property
    def count(self) -> int:
        return self._active.count

    @property
    def waiting_count(self) -> int:
        return self._active.waiting_count

    @property
    def lost_count(self) -> int:
        return self._lost_before + self._active.lost_count

    def _settle(self, spool: Spool, statement: Statement) -> None:
        if not self._in_memory or statement.epoch >= spool.epoch:
            spool.settle(statement)

    def _do(self, act: Callable[[Spool], Answer]) -> Answer:
        """On the disk; when that refuses, once more in memory."""
        try:
            return act(self._active)
        except SpoolUnavailable as error:
            if self._in_memory:
                raise
            self._take_refuge(error)
        return act(self._active)

    def _take_refuge(self, error: SpoolUnavailable) -> None:
        disk = self._active
        self._lost_before += disk.lost_count
        self._active = self._open_memory(disk.epoch, disk.instance)
        with suppress(SpoolUnavailable):
            disk.close()
        self._tell(error)

    def _try_to_return(self) -> None:
        """A disk that has refused is opened anew: what its driver remembers of it may not be true."""
        self._retry_at = self._clock() + RETRY_SECONDS
        try:
            disk = self._open_disk(self._active.instance)
        except SpoolUnavailable:
            return
        with self._lock:
            self._move_to(disk)

    def _move_to(self, disk: Spool) -> None:
        memory = self._active
        disk.instance = memory.instance
        try:
            disk.adopt(memory)
        except SpoolUnavailable:
            with suppress(SpoolUnavailable):
                disk.close()
            if disk.epoch > memory.epoch:  # they are on it nevertheless: the high-water file alone refused
                self._begin_in_memory(memory, disk)
            return
        log.info("disk takes records again, %d from memory are on it now", memory.kept_count)
        self._forget(memory)
        self._active, self._in_memory, self.trouble = disk, False, ""

    def _begin_in_memory(self, memory: Spool, disk: Spool) -> None:
        self._forget(memory)
        self._lost_before += disk.lost_count
        self._active = self._open_memory(disk.epoch, disk.instance)

    def _forget(self, memory: Spool) -> None:
        self._next_memory_position = memory.last_position + 1
        memory.close()

    def _open_disk(self, instance: Instance | None) -> Spool:
        return Spool(
            self._file,
            self._stamp,
            bound_bytes=self._bound_bytes,
            max_age_seconds=self._max_age_seconds,
            instance=instance,
        )

    def _open_memory(self, above: int, instance: Instance | None) -> Spool:
        self._in_memory = True
        self._retry_at = self._clock() + RETRY_SECONDS
        epoch = memory_epoch(above=above)
        return Spool(
            None,
            self._stamp,
            bound_bytes=min(MEMORY_BOUND_BYTES, self._bound_bytes // 2),
            instance=instance,
            memory=(epoch, self._next_memory_position),
        )

    def _tell(self, error: SpoolUnavailable) -> None:
        self.trouble = (
            f"the disk under {self._file.parent} refuses ({error}); records are kept in memory, about 1,000 of them, "
            "and unsent ones are lost when the agent stops. Free or repair the disk, they go there again by themselves"
        )
        log.error("%s", self.trouble)
