"""Where records wait until the broker has them: they survive crashes, power cuts and full disks.

A record leaves only after its confirm, or named in a loss record when the spool is full or damaged.

    collector thread:  append ---> [ waiting ] <--- put_back
    publisher thread:  take_* ---> [ in flight ] ---> confirm ---> gone with the next append
"""

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import msgspec

from agent.predecessor import Predecessor, predecessor_of
from agent.spool_file import PAGE_BYTES, open_spool_file
from agent.stamp import Stamp
from rabbitmq.message import MAX_RECORD_BYTES
from rabbitmq.records import Loss, Record, Snapshot, encode_record

DEFAULT_BOUND_BYTES = 64 * 1024 * 1024
RESERVE_PAGES = 2 * MAX_RECORD_BYTES // PAGE_BYTES  # room for one record of the largest size, twice
GIVE_UP_FRACTION = 16  # a full spool gives up this part at once, so that losses are few and long, not many and short
FLUSH_AT = 1000
KEEP, GIVE_UP_LAST, GIVE_UP_FIRST = 0, 1, 2

NumberedBody = tuple[int, bytes]


class SpoolUnavailable(Exception):
    """The disk refuses: nothing was written, no number was used. Try again with the next record."""


class _Wall(msgspec.Struct):
    wall_seconds: float


class Spool:
    """Records of one epoch by their seq. Any thread may call any method; each may raise SpoolUnavailable."""

    def __init__(
        self, file: Path, stamp: Callable[[int, int], Stamp], *, bound_bytes: int = DEFAULT_BOUND_BYTES
    ) -> None:
        self._lock = threading.RLock()
        self._stamp = stamp
        self._max_pages = max(bound_bytes // PAGE_BYTES, 2 * RESERVE_PAGES)
        self._in_flight: set[int] = set()
        self._confirmed: set[int] = set()
        self._first_waiting = 0  # no record below this one is waiting
        self._sure_appends = 0  # as many fit for sure, whatever their size
        self.lost_count = 0
        with self._guarded():
            self._database, self.epoch, self.damaged_file = open_spool_file(file, max_pages=self._max_pages)
            self.last_seq = self._number("SELECT coalesce(max(seq), 0) FROM sqlite_sequence")
            self._kept_count = self._number("SELECT count(*) FROM record")
            self.predecessor = self.damaged_file and predecessor_of(self.damaged_file, new_epoch=self.epoch)

    def append(self, build: Callable[[Stamp], Record]) -> int:
        """Number, stamp and keep one record; returns its seq once it is on disk."""
        with self._guarded(), self._transaction():
            self._delete_confirmed()
            self._make_room()
            if self.predecessor and self.last_seq == 0:
                self._insert_predecessor(self.predecessor)
            return self._insert(build)

    def take_newest(self) -> NumberedBody | None:
        """The record last appended, now in flight, or None when it is not waiting."""
        with self._guarded():
            if self.last_seq in self._in_flight | self._confirmed:
                return None
            rows = self._rows("SELECT seq, body FROM record WHERE seq = ?", self.last_seq)
            self._in_flight.update(seq for seq, _ in rows)
            return rows[0] if rows else None

    def take_oldest(self, limit: int, max_bytes: int) -> list[NumberedBody]:
        """Up to `limit` waiting records of at most `max_bytes` together (but at least one), now in flight."""
        with self._guarded():
            if not self.waiting_count:
                return []
            chosen: list[NumberedBody] = []
            size_bytes = 0
            for seq, body in self._waiting():
                size_bytes += len(body)
                if chosen and (size_bytes > max_bytes or len(chosen) == limit):
                    break
                chosen.append((seq, body))
            self._in_flight.update(seq for seq, _ in chosen)
            self._first_waiting = chosen[-1][0] + 1
            return chosen

    def put_back(self, seqs: Iterable[int]) -> None:
        """These are no longer in flight: they wait again."""
        with self._guarded():
            returned = self._in_flight.intersection(seqs)
            self._in_flight -= returned
            self._first_waiting = min(self._first_waiting, *returned, self.last_seq + 1)

    def confirm(self, seqs: Iterable[int]) -> None:
        """The broker has these. They leave the disk with the next append, so that a record costs one commit."""
        with self._guarded():
            known = self._in_flight.intersection(seqs)
            self._in_flight -= known
            self._confirmed |= known
            if len(self._confirmed) >= FLUSH_AT:
                self._try_to_flush()

    def close(self) -> None:
        with self._guarded():
            self._try_to_flush()
            self._database.close()

    @property
    def count(self) -> int:
        """Records the broker has not confirmed, in flight or waiting."""
        with self._lock:
            return self._kept_count - len(self._confirmed)

    @property
    def waiting_count(self) -> int:
        with self._lock:
            return self.count - len(self._in_flight)

    @property
    def oldest_seq(self) -> int | None:
        """The lowest unconfirmed seq, or None when all is confirmed."""
        with self._guarded():
            rows = self._database.execute("SELECT seq FROM record ORDER BY seq")
            return next((seq for (seq,) in rows if seq not in self._confirmed), None)

    @property
    def size_bytes(self) -> int:
        """Disk in use by kept records, their tree included."""
        with self._guarded():
            return (self._max_pages - self._free_pages()) * PAGE_BYTES

    def _waiting(self) -> Iterator[NumberedBody]:
        rows = self._database.execute(
            "SELECT seq, body FROM record WHERE seq >= ? ORDER BY seq", (self._first_waiting,)
        )
        return ((seq, body) for seq, body in rows if seq not in self._in_flight and seq not in self._confirmed)

    def _insert(self, build: Callable[[Stamp], Record]) -> int:
        self.last_seq += 1
        seq = self.last_seq
        record = build(self._stamp(self.epoch, seq))
        body = encode_record(record)
        if len(body) > MAX_RECORD_BYTES:
            return self._insert_loss([(seq, len(body))], "oversize", record.wall_seconds, record.wall_seconds)
        self._database.execute("INSERT INTO record VALUES (?, ?, ?)", (seq, _rank(record), body))
        self._kept_count += 1
        return seq

    def _make_room(self) -> None:
        """Keep the reserve free; what is free is asked only when the largest records might have used it up."""
        if self._sure_appends > 0:
            self._sure_appends -= 1
            return
        while self._free_pages() < RESERVE_PAGES and self._give_up_oldest():
            pass
        self._sure_appends = max(0, self._free_pages() // RESERVE_PAGES - 2)

    def _give_up_oldest(self) -> bool:
        """Drop the oldest snapshots (then other records), each run of numbers named in one loss record."""
        candidates = self._rows(
            "SELECT seq, length(body) FROM record WHERE rank > ? ORDER BY rank DESC, seq LIMIT ?",
            KEEP,
            max(1, self._kept_count // GIVE_UP_FRACTION) + len(self._in_flight),
        )
        given_up = [(seq, size) for seq, size in candidates if seq not in self._in_flight]
        for _, run in groupby(enumerate(sorted(given_up)), key=lambda item: item[1][0] - item[0]):
            self._give_up_run([item for _, item in run])
        return bool(given_up)

    def _give_up_run(self, run: list[tuple[int, int]]) -> None:
        first_seq, last_seq = run[0][0], run[-1][0]
        first_wall, last_wall = self._wall_seconds(first_seq), self._wall_seconds(last_seq)
        self._delete(seq for seq, _ in run)
        self._insert_loss(run, "full", first_wall, last_wall)

    def _insert_loss(
        self, run: list[tuple[int, int]], reason: Literal["full", "oversize"], first_wall: float, last_wall: float
    ) -> int:
        """Name a run of lost records, given as (seq, size in bytes)."""
        self.lost_count += len(run)
        return self._insert(
            lambda stamp: Loss(
                **stamp,
                lost_epoch=self.epoch,
                first_seq=run[0][0],
                last_seq=run[-1][0],
                count=len(run),
                size_bytes=sum(size for _, size in run),
                reason=reason,
                first_wall_seconds=first_wall,
                last_wall_seconds=last_wall,
            )
        )

    def _insert_predecessor(self, lost: Predecessor) -> None:
        """Name the damaged spool from its first number on: a loss record that was in it named earlier ones."""
        self.lost_count += lost.count
        self._insert(
            lambda stamp: Loss(
                **stamp,
                lost_epoch=lost.epoch,
                first_seq=1,
                last_seq=lost.last_seq,
                count=lost.count,
                size_bytes=lost.size_bytes,
                reason="corrupt",
            )
        )

    def _wall_seconds(self, seq: int) -> float:
        ((body,),) = self._rows("SELECT body FROM record WHERE seq = ?", seq)
        return msgspec.json.decode(body, type=_Wall).wall_seconds

    def _delete_confirmed(self) -> None:
        self._delete(self._confirmed)
        self._confirmed = set()

    def _delete(self, seqs: Iterable[int]) -> None:
        cursor = self._database.executemany("DELETE FROM record WHERE seq = ?", ((seq,) for seq in seqs))
        self._kept_count -= max(cursor.rowcount, 0)

    def _free_pages(self) -> int:
        return self._max_pages - self._number("PRAGMA page_count") + self._number("PRAGMA freelist_count")

    def _try_to_flush(self) -> None:
        """Delete what is confirmed; a disk that refuses leaves it to be deleted, or sent a second time, later."""
        with suppress(sqlite3.Error), self._transaction():
            self._delete_confirmed()

    def _rows(self, query: str, *values: int) -> list[Any]:
        return self._database.execute(query, values).fetchall()

    def _number(self, query: str) -> int:
        return int(self._database.execute(query).fetchone()[0])

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing, for the file and for what this object remembers of it."""
        before = self._kept_count, self.last_seq, self.lost_count, self._confirmed, self._sure_appends
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._database.execute("COMMIT")
        except BaseException:
            self._kept_count, self.last_seq, self.lost_count, self._confirmed, self._sure_appends = before
            if self._database.in_transaction:  # SQLite has rolled back by itself after some errors
                self._database.execute("ROLLBACK")
            raise

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """One thread at a time, and no driver's error past this file."""
        with self._lock:
            try:
                yield
            except (sqlite3.Error, OSError) as error:
                raise SpoolUnavailable(str(error)) from error


def _rank(record: Record) -> int:
    if isinstance(record, Loss):
        return KEEP
    return GIVE_UP_FIRST if isinstance(record, Snapshot) else GIVE_UP_LAST
