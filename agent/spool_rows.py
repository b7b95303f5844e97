"""The rows of a spool: records by position, numbered within the life of an epoch. Knows no lock and no policy.

position = base of the epoch's life + seq, so positions rise over all epochs and each epoch's rows lie together.

    insert ---> [ waiting ] <---> [ in flight ] ---> kept, until the hub has settled them
"""

import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from agent.high_water import MOST_EARLIER, HighWater, Mark
from agent.ranges import Ranges
from agent.stamp import Stamp
from rabbitmq.message import MAX_RECORD_BYTES
from rabbitmq.records import Loss, LossReason, Record, Snapshot, encode_record

KEEP, GIVE_UP_LAST, GIVE_UP_FIRST = 0, 1, 2
_LAST_POSITION = """
SELECT max(
    (SELECT coalesce(max(position), 0) FROM record),
    (SELECT coalesce(max(CAST(seq AS INTEGER)), 0) FROM sqlite_sequence)
)
"""


class Life(NamedTuple):
    """An epoch and where its positions begin; `last_seq` is None while it goes on."""

    epoch: int
    base: int
    last_seq: int | None


class Named(NamedTuple):
    """What a kept loss record names."""

    epoch: int
    first_seq: int
    last_seq: int
    step: int


@dataclass(frozen=True, slots=True)
class Lost:
    """A run of numbers of one epoch to be named."""

    epoch: int
    first_seq: int
    last_seq: int
    reason: LossReason
    step: int = 1
    count: int = 1
    size_bytes: int = 0
    first_wall_seconds: float | None = None
    last_wall_seconds: float | None = None


@dataclass(slots=True)
class State:
    """What is remembered of the rows, by position: a row in none of the ranges is confirmed and kept."""

    last_position: int = 0
    kept_count: int = 0
    lost_count: int = 0
    sure_appends: int = 0  # as many fit for sure, whatever their size
    thinned_position: int = 0
    waiting: Ranges = field(default_factory=Ranges)
    in_flight: Ranges = field(default_factory=Ranges)
    settled: Ranges = field(default_factory=Ranges)  # to be deleted with the next append
    losses: dict[int, Named] = field(default_factory=dict)

    def copy(self) -> "State":
        return State(
            self.last_position,
            self.kept_count,
            self.lost_count,
            self.sure_appends,
            self.thinned_position,
            self.waiting.copy(),
            self.in_flight.copy(),
            self.settled.copy(),
            dict(self.losses),
        )


class Rows:
    """Numbers are given only inside `transaction`."""

    def __init__(
        self, database: sqlite3.Connection, stamp: Callable[[int, int], Stamp], high_water: HighWater | None
    ) -> None:
        self.database = database
        self.lives = [
            Life(*row) for row in database.execute("SELECT epoch, base, last_seq FROM life ORDER BY base, epoch")
        ]
        self._stamp = stamp
        self._high_water = high_water
        self._mark: Mark | None = None
        (last,) = database.execute(_LAST_POSITION).fetchone()
        self.state = State(last_position=max([last, *(life.base for life in self.lives)]))
        self.first_given_seq = self.last_seq + 1 if self.lives else 1  # by this object, in its current epoch
        self._find_kept()

    @property
    def last_seq(self) -> int:
        return self.state.last_position - self.lives[-1].base

    @property
    def unconfirmed_count(self) -> int:
        return len(self.state.waiting) + len(self.state.in_flight)

    def begin_life(self, epoch: int) -> None:
        """All numbers from now on are of this epoch."""
        if self.lives:
            self.end_life(self.lives[-1], self.last_seq)
        self._add_life(Life(epoch, self.state.last_position, None))
        self.first_given_seq = 1

    def add_past_life(self, epoch: int) -> Life:
        """An epoch whose rows are about to be adopted; `end_life` must follow."""
        life = Life(epoch, self.state.last_position, None)
        self._add_life(life)
        return life

    def end_life(self, life: Life, last_seq: int) -> None:
        self.database.execute("UPDATE life SET last_seq = ? WHERE epoch = ?", (last_seq, life.epoch))
        self.lives[self.lives.index(life)] = life._replace(last_seq=last_seq)
        self.state.last_position = life.base + last_seq

    def insert(self, build: Callable[[Stamp], Record]) -> int:
        """Number, stamp and keep one record; returns its seq."""
        self.state.last_position += 1
        position, life = self.state.last_position, self.lives[-1]
        record = build(self._stamp(life.epoch, self.last_seq))
        body = encode_record(record)
        if len(body) > MAX_RECORD_BYTES:
            seq, wall = self.last_seq, record.wall_seconds
            return self.name(Lost(life.epoch, seq, seq, "oversize", 1, 1, len(body), wall, wall))
        self.put(position, _rank(record), body)
        if isinstance(record, Loss):
            self.state.losses[position] = Named(record.lost_epoch, record.first_seq, record.last_seq, record.step)
        return self.last_seq

    def put(self, position: int, rank: int, body: bytes) -> None:
        """Keep a body as it is, waiting."""
        self.database.execute("INSERT INTO record VALUES (?, ?, ?, ?)", (position, rank, body, zlib.crc32(body)))
        self.state.kept_count += 1
        self.state.waiting.add(position, position)

    def name(self, lost: Lost) -> int:
        """Append a loss record; returns its seq."""
        self.state.lost_count += lost.count
        return self.insert(
            lambda stamp: Loss(
                **stamp,
                lost_epoch=lost.epoch,
                first_seq=lost.first_seq,
                last_seq=lost.last_seq,
                step=lost.step,
                count=lost.count,
                size_bytes=lost.size_bytes,
                reason=lost.reason,
                first_wall_seconds=lost.first_wall_seconds,
                last_wall_seconds=lost.last_wall_seconds,
            )
        )

    def delete(self, positions: Iterable[int]) -> None:
        chosen = list(positions)
        for position in chosen:
            self.state.waiting.discard(position, position)
            self.state.losses.pop(position, None)
        cursor = self.database.executemany("DELETE FROM record WHERE position = ?", [(each,) for each in chosen])
        self.state.kept_count -= max(cursor.rowcount, 0)

    def delete_between(self, first: int, last: int) -> None:
        cursor = self.database.execute("DELETE FROM record WHERE position BETWEEN ? AND ?", (first, last))
        self.state.kept_count -= cursor.rowcount
        for position in [position for position in self.state.losses if first <= position <= last]:
            del self.state.losses[position]

    def drop_between(self, first: int, last: int) -> None:
        """Delete these, which shall not be sent any more either."""
        self.delete_between(first, last)
        self.state.waiting.discard(first, last)

    def between(self, first: int, last: int) -> sqlite3.Cursor:
        """(position, body, crc) in rising order; close it."""
        query = "SELECT position, CAST(body AS BLOB), crc FROM record WHERE position BETWEEN ? AND ? ORDER BY position"
        return self.database.execute(query, (first, last))

    def forget_empty_lives(self) -> None:
        for life in self.lives[:-1]:
            if self.first_kept(life) is None:
                self.database.execute("DELETE FROM life WHERE epoch = ?", (life.epoch,))
                self.lives.remove(life)

    def life_at(self, position: int) -> Life:
        return next(life for life in reversed(self.lives) if life.base < position)

    def life_of(self, epoch: int) -> Life | None:
        return next((life for life in self.lives if life.epoch == epoch), None)

    def last_seq_of(self, life: Life) -> int:
        return self.last_seq if life.last_seq is None else life.last_seq

    def first_kept(self, life: Life) -> int | None:
        """The lowest position of this life that is kept."""
        between = (life.base + 1, life.base + self.last_seq_of(life))
        ((position,),) = self.rows("SELECT min(position) FROM record WHERE position BETWEEN ? AND ?", *between)
        return position if position is None else int(position)

    def rows(self, query: str, *values: int) -> list[Any]:
        return self.database.execute(query, values).fetchall()

    @property
    def used_pages(self) -> int:
        all_pages, free = self.pages()
        return all_pages - free

    def pages(self) -> tuple[int, int]:
        """How many the file has, and how many of them are free."""
        ((all_pages,),), ((free,),) = self.rows("PRAGMA page_count"), self.rows("PRAGMA freelist_count")
        return all_pages, free

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, for the file and for what this object remembers of it."""
        before, lives_before = self.state.copy(), list(self.lives)
        self.database.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._announce(before.last_position)
            self._commit()
        except BaseException:
            self.state, self.lives = before, lives_before
            if self.database.in_transaction:  # SQLite has rolled back by itself after some errors
                self.database.execute("ROLLBACK")
            raise
        if self.state.last_position != before.last_position or self.lives != lives_before:
            self.mark()

    def mark(self) -> None:
        """Tell the high-water file what is assigned and kept now."""
        if self._high_water is None:
            return
        self._mark = self._current_mark(self._high_water)
        self._high_water.write(self._mark)

    def close(self) -> None:
        try:
            if self._high_water is not None:
                self._high_water.close(self._mark)
        finally:
            self.database.close()

    def _commit(self) -> None:
        """Or undo it also in the log: after a sync that failed the next start would find it there."""
        try:
            self.database.execute("COMMIT")
        except sqlite3.Error:
            if self.database.in_transaction:
                self.database.execute("ROLLBACK")
            with suppress(sqlite3.Error):
                ((version,),) = self.rows("PRAGMA user_version")
                self.database.execute(f"PRAGMA user_version = {version % 1000 + 1}")  # takes its place
            raise

    def _announce(self, last_position: int) -> None:
        """What is about to be committed, unless it begins an epoch: the file then tells of the one before until it
        is committed."""
        if self._high_water is None or self._mark is None or self.state.last_position == last_position:
            return
        if self._mark.epoch == self.lives[-1].epoch:
            self._high_water.write(msgspec.structs.replace(self._mark, assigning_seq=self.last_seq))

    def _current_mark(self, high_water: HighWater) -> Mark:
        unsettled = {life.epoch: self._unsettled(life) for life in self.lives}
        for named in self.state.losses.values():
            first, last = unsettled.get(named.epoch, (named.first_seq, named.last_seq))
            unsettled[named.epoch] = min(first, named.first_seq), max(last, named.last_seq)
        current = self.lives[-1].epoch
        oldest_seq, last_seq = unsettled.pop(current)
        return Mark(
            boot_id=high_water.boot_id,
            epoch=current,
            oldest_seq=oldest_seq,
            last_seq=last_seq,
            assigning_seq=last_seq,
            earlier=[(epoch, first, last) for epoch, (first, last) in sorted(unsettled.items())][-MOST_EARLIER:],
        )

    def _unsettled(self, life: Life) -> tuple[int, int]:
        last_seq = self.last_seq_of(life)
        first = self.first_kept(life)
        return (last_seq + 1 if first is None else first - life.base), last_seq

    def _find_kept(self) -> None:
        """All that is kept waits; what its loss records name is read again."""
        first = last = 0
        query = "SELECT position, CASE rank WHEN ? THEN CAST(body AS BLOB) END FROM record ORDER BY position"
        for position, loss_body in self.database.execute(query, (KEEP,)):
            self.state.kept_count += 1
            if position != last + 1:
                self.state.waiting.add(first, last)
                first = position
            last = position
            if loss_body is not None and (named := _named(loss_body)):
                self.state.losses[position] = named
        self.state.waiting.add(first, last)
        self.state.waiting.discard(0, 0)

    def _add_life(self, life: Life) -> None:
        self.database.execute("INSERT INTO life VALUES (?, ?, ?)", life)
        self.lives.append(life)


def is_whole(body: object, crc: object) -> bool:
    """Whether a row's body is as it was written; rows of the first layout have no checksum."""
    return isinstance(body, bytes) and crc in (None, zlib.crc32(body))


def _named(body: bytes) -> Named | None:
    try:
        loss = msgspec.json.decode(body, type=Loss)
    except ValueError:
        return None  # damaged: found out when it is taken
    return Named(loss.lost_epoch, loss.first_seq, loss.last_seq, loss.step)


def _rank(record: Record) -> int:
    if isinstance(record, Loss):
        return KEEP
    return GIVE_UP_FIRST if isinstance(record, Snapshot) else GIVE_UP_LAST
