"""Where records wait until the hub has settled them: they survive crashes, power cuts, full disks and lost brokers.

collector thread:  append ---> [ waiting ] <--- put_back, or missing in a statement
publisher thread:  take_* ---> [ in flight ] ---> confirm ---> kept ---> settle ---> gone with the next append
"""

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path

from agent.batch import Batch, Row
from agent.epoch import EPOCHS_AHEAD, memory_epoch, open_epoch
from agent.instance import Instance, new_instance
from agent.ranges import Ranges
from agent.spool_account import free_settled, numbering_of, send_again
from agent.spool_file import PAGE_BYTES
from agent.spool_open import counter_file, open_rows, open_rows_in_memory
from agent.spool_room import RESERVE_PAGES, Room
from agent.spool_rows import Life, Lost, is_whole
from agent.stamp import Stamp
from rabbitmq.records import Record
from rabbitmq.statement import Statement

DEFAULT_BOUND_BYTES = 64 * 1024 * 1024
DEFAULT_MAX_AGE_SECONDS = 7 * 86400.0
_PRIMARY_CODE = 0xFF

log = logging.getLogger("agent.spool")


class SpoolUnavailable(Exception):
    """The disk refuses: nothing was written, no number was used. Try again with the next record."""


class _Guard:
    """One thread at a time, and no driver's error past this file. May be entered again by the thread that holds it."""

    def __init__(self) -> None:
        self.lock = threading.RLock()

    def __enter__(self) -> None:
        self.lock.acquire()

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self.lock.release()
        if isinstance(error, (sqlite3.Error, OSError)):
            raise SpoolUnavailable(str(error)) from error


class Spool:
    """Records of this and of earlier epochs. Any thread may call any method; each may raise SpoolUnavailable."""

    def __init__(
        self,
        file: Path | None,
        stamp: Callable[[int, int], Stamp],
        *,
        bound_bytes: int = DEFAULT_BOUND_BYTES,
        max_age_seconds: float = DEFAULT_MAX_AGE_SECONDS,
        instance: Instance | None = None,
        memory: tuple[int, int] | None = None,
    ) -> None:
        """On disk, or without a file in memory; `memory` is then its epoch and its first position."""
        self._guard = _Guard()
        self._lock = self._guard.lock
        self._file = file
        self._stamp = stamp
        max_pages = max(bound_bytes // PAGE_BYTES, 2 * RESERVE_PAGES)
        with self._guard:
            if file is None:
                epoch, first_position = memory or (memory_epoch(), 1)
                self._rows = open_rows_in_memory(stamp, max_pages=max_pages, epoch=epoch, first_position=first_position)
            else:
                self._rows = open_rows(file, stamp, max_pages=max_pages)
        self._room = Room(self._rows, max_age_seconds=max_age_seconds)
        self._disputed = (0, 0)  # an epoch and its first seq that was given twice
        self.instance = instance or new_instance(self.epoch, self._rows.first_given_seq)

    @classmethod
    def in_memory(cls, stamp: Callable[[int, int], Stamp], *, bound_bytes: int = DEFAULT_BOUND_BYTES) -> "Spool":
        """One that ends with its process; its epoch is above those of earlier starts."""
        return cls(None, stamp, bound_bytes=bound_bytes)

    def append(self, build: Callable[[Stamp], Record]) -> int:
        """Number, stamp and keep one record; returns its seq once it is on disk."""
        with self._guard:
            try:
                return self._append(build)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & _PRIMARY_CODE != sqlite3.SQLITE_FULL:
                    raise
            self._room.make_do_with_the_file()
            return self._append(build)

    def take_newest(self) -> Batch | None:
        """The record last appended, now in flight, or None when it is not waiting."""
        with self._guard:
            position, life = self._rows.state.last_position, self._rows.lives[-1]
            return self._take(life, position, 1, 1) if position > life.base else None

    def take_oldest(self, limit: int, max_bytes: int) -> Batch | None:
        """Up to `limit` waiting records of one epoch, of at most `max_bytes` together (but at least one), now in
        flight."""
        with self._guard:
            while (position := self._rows.state.waiting.first_from(0)) is not None:
                batch = self._take(self._rows.life_at(position), position, limit, max_bytes)
                if batch:
                    return batch
            return None

    def put_back(self, positions: Iterable[int]) -> None:
        """These are no longer in flight: they wait again."""
        with self._guard:
            for position in positions:
                if position in self._rows.state.in_flight:
                    self._rows.state.in_flight.discard(position, position)
                    self._rows.state.waiting.add(position, position)

    def confirm(self, positions: Iterable[int]) -> None:
        """The broker has these. They are kept until the hub has settled them, for a broker may lose its disk."""
        with self._guard:
            for position in positions:
                self._rows.state.in_flight.discard(position, position)

    def settle(self, statement: Statement) -> None:
        """Free what the hub has, send again what it misses, name what of that is not here any more.

        An epoch far above all that this agent can have reached is not believed.
        """
        with self._guard:
            if statement.epoch > self.epoch + EPOCHS_AHEAD:
                return
            if statement.epoch > self.epoch:
                self._begin_above(statement.epoch)
            elif statement.epoch == self.epoch and statement.assigned_seq > self.last_seq:
                self._begin_anew(statement.assigned_seq)
            life = self._rows.life_of(statement.epoch)
            if life is not None:
                free_settled(self._rows, life, self._undisputed(statement))
            gone = send_again(self._rows, statement)
            if gone:
                with self._rows.transaction():
                    self._make_room()
                    for lost in gone:
                        self._rows.name(lost)

    def adopt(self, other: "Spool") -> None:
        """Keep what a spool in memory kept, under its own numbers, and begin an epoch above it."""
        with self._guard, other._guard:
            while self._room.is_short_of(other._rows.used_pages) and self._give_way():
                pass
            self._adopt(other)

    def close(self) -> None:
        with self._guard:
            self._rows.close()

    @property
    def epoch(self) -> int:
        return self._rows.lives[-1].epoch

    @property
    def last_seq(self) -> int:
        """The last number given in the current epoch."""
        with self._lock:
            return self._rows.last_seq

    @property
    def last_position(self) -> int:
        return self._rows.state.last_position

    @property
    def lost_count(self) -> int:
        """Records named as lost since this was opened."""
        return self._rows.state.lost_count

    @property
    def count(self) -> int:
        """Records the broker has not confirmed, in flight or waiting."""
        with self._lock:
            return self._rows.unconfirmed_count

    @property
    def waiting_count(self) -> int:
        with self._lock:
            return len(self._rows.state.waiting)

    @property
    def kept_count(self) -> int:
        """All records here, those too that the broker has confirmed and the hub has not settled."""
        with self._lock:
            return self._rows.state.kept_count

    @property
    def size_bytes(self) -> int:
        """Disk in use by kept records, their tree included."""
        with self._guard:
            return self._rows.used_pages * PAGE_BYTES

    def _give_way(self) -> bool:
        with self._rows.transaction():
            return self._room.give_way()

    def _adopt(self, other: "Spool") -> None:
        with self._rows.transaction():
            self._rows.end_life(self._rows.lives[-1], self.last_seq)
            for life in other._rows.lives:
                past = self._rows.add_past_life(life.epoch)
                for rank, position, body in other._kept(life):
                    self._rows.put(past.base + position - life.base, rank, body)
                self._rows.end_life(past, other._rows.last_seq_of(life))
            self._rows.begin_life(self._next_epoch(above=max(life.epoch for life in self._rows.lives)))
            self._rows.state.lost_count += other.lost_count

    def _append(self, build: Callable[[Stamp], Record]) -> int:
        with self._rows.transaction():
            self._make_room()
            return self._rows.insert(build)

    def _make_room(self) -> None:
        self._room.make(self._stamp(self.epoch, 1))

    def _take(self, life: Life, position: int, limit: int, max_bytes: int) -> Batch | None:
        """None when nothing from this position on is waiting and whole; what is not whole is named."""
        chosen, damaged = self._read_waiting(life, position, limit, max_bytes)
        if damaged:
            self._name_damaged(life, damaged)
        if not chosen:
            return None
        for row in chosen:
            self._rows.state.waiting.discard(row.position, row.position)
            self._rows.state.in_flight.add(row.position, row.position)
        numbering = numbering_of(self._rows, life, self.instance)
        return Batch(life.epoch, chosen, numbering)

    def _read_waiting(self, life: Life, position: int, limit: int, max_bytes: int) -> tuple[list[Row], Ranges]:
        """Whole rows, and the positions of what should be there and is not."""
        rows: list[Row] = []
        damaged = Ranges()
        size_bytes = 0
        end = life.base + self._rows.last_seq_of(life)
        for first, last in list(self._rows.state.waiting.within(position, end)):
            expected = first
            with closing(self._rows.between(first, last)) as found:
                for at, body, crc in found:
                    if at > expected:
                        damaged.add(expected, at - 1)
                    expected = at + 1
                    if not is_whole(body, crc):
                        damaged.add(at, at)
                        continue
                    size_bytes += len(body)
                    if rows and (size_bytes > max_bytes or len(rows) == limit):
                        return rows, damaged
                    rows.append(Row(at, at - life.base, body))
            if expected <= last:
                damaged.add(expected, last)
        return rows, damaged

    def _name_damaged(self, life: Life, damaged: Ranges) -> None:
        """A page that was damaged after the spool was opened costs its records, not the others."""
        with self._rows.transaction():
            self._make_room()
            for first, last in damaged.ranges():
                self._rows.drop_between(first, last)
                first_seq, last_seq = first - life.base, last - life.base
                self._rows.name(Lost(life.epoch, first_seq, last_seq, "corrupt", count=last - first + 1))

    def _begin_above(self, epoch: int) -> None:
        """The hub knows a higher epoch of this agent: an earlier start went on in memory and left nothing on disk."""
        log.warning("the hub knows epoch %d, above %d of this spool; new epoch", epoch, self.epoch)
        with self._rows.transaction():
            self._rows.begin_life(self._next_epoch(above=epoch))
        self.instance = new_instance(self.epoch, 1)

    def _begin_anew(self, assigned_seq: int) -> None:
        """The hub knows higher numbers of this epoch: this spool is an old copy that gave some numbers a second time.

        Those are disputed: they are not freed as settled, for the hub has other records under them.
        """
        epoch, first_seq = self.epoch, self.last_seq + 1
        log.error("spool is an old copy: the hub knows numbers up to %d of epoch %d; new epoch", assigned_seq, epoch)
        disputed_seq = self.instance.seq if self.instance.epoch == epoch else 1
        with self._rows.transaction():
            self._rows.begin_life(self._next_epoch(above=epoch))
            instance = new_instance(self.epoch, 1)
            self._rows.name(Lost(epoch, first_seq, assigned_seq, "corrupt", count=assigned_seq - first_seq + 1))
        self.instance, self._disputed = instance, (epoch, disputed_seq)

    def _next_epoch(self, *, above: int) -> int:
        return memory_epoch(above=above) if self._file is None else open_epoch(counter_file(self._file), above=above)

    def _undisputed(self, statement: Statement) -> int:
        epoch, disputed_seq = self._disputed
        return min(statement.settled_seq, disputed_seq - 1) if statement.epoch == epoch else statement.settled_seq

    def _kept(self, life: Life) -> Iterator[tuple[int, int, bytes]]:
        """(rank, position, body) of what a life keeps and the hub has not settled."""
        for rank, position, body in self._rows.database.execute(
            "SELECT rank, position, CAST(body AS BLOB) FROM record WHERE position BETWEEN ? AND ?",
            (life.base + 1, life.base + self._rows.last_seq_of(life)),
        ):
            if position not in self._rows.state.settled:
                yield rank, position, body
