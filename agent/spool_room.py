"""Room in a bounded spool: what goes first when there is none, each number of it named in the same transaction.

1. What the hub has settled; then what is too old.
2. From 80 % on: what the broker confirmed; then every other snapshot of the older half.
3. At the bound: the oldest snapshots, then the oldest of the rest. Loss records stay.
"""

from collections.abc import Iterator

import msgspec

from agent.spool_file import PAGE_BYTES
from agent.spool_rows import GIVE_UP_FIRST, GIVE_UP_LAST, KEEP, Lost, Rows
from agent.stamp import Stamp
from rabbitmq.message import MAX_RECORD_BYTES
from rabbitmq.records import LossReason

RESERVE_PAGES = 2 * MAX_RECORD_BYTES // PAGE_BYTES  # room for one record of the largest size, twice
MOST_AT_ONCE = 512  # rows that one transaction deletes, so that its journal fits what was kept for it
GIVE_UP_FRACTION = 16  # losses are few and long, not many and short
THIN_FROM = 0.8
THIN_STEP = 2

_Run = list[tuple[int, int]]  # position and size in bytes of rows that follow each other in one epoch


class _Made(msgspec.Struct):
    boot_id: str
    wall_seconds: float
    boot_seconds: float


class Room:
    """Called inside the transaction that appends."""

    def __init__(self, rows: Rows, *, max_age_seconds: float) -> None:
        self._rows = rows
        self._max_pages: int = rows.rows("PRAGMA max_page_count")[0][0]
        self._max_age_seconds = max_age_seconds

    def make(self, now: Stamp) -> None:
        """Keep the reserve free; what is free is asked only when the largest records might have used it up."""
        self._delete_settled()
        state = self._rows.state
        if state.sure_appends > 0:
            state.sure_appends -= 1
            return
        self._drop_aged(now)
        if self._rows.used_pages > THIN_FROM * self._max_pages and not self._drop_confirmed():
            self._thin()
        while self.is_short_of(0) and self.give_way():
            pass
        state.sure_appends = max(0, self._free_pages() // RESERVE_PAGES - 2)

    def is_short_of(self, pages: int) -> bool:
        """Whether so many would not leave the reserve free."""
        return self._free_pages() < RESERVE_PAGES + pages

    def give_way(self) -> bool:
        """Drop what can be missed first; False when nothing can."""
        return self._drop_confirmed() or self._give_up()

    def make_do_with_the_file(self) -> None:
        """The disk is full: what the file has must be enough from now on."""
        self._max_pages, _ = self._rows.pages()
        self._rows.database.execute(f"PRAGMA max_page_count = {self._max_pages}")
        self._rows.state.sure_appends = 0

    def _free_pages(self) -> int:
        return self._max_pages - self._rows.used_pages

    def _delete_settled(self) -> None:
        settled = self._rows.state.settled
        if not settled:
            return
        first, last = next(settled.ranges())
        last = min(last, first + MOST_AT_ONCE - 1)
        self._rows.delete_between(first, last)
        settled.discard(first, last)
        self._rows.forget_empty_lives()

    def _drop_aged(self, now: Stamp) -> None:
        aged: _Run = []
        query = "SELECT position, rank, CAST(body AS BLOB) FROM record ORDER BY position"
        for position, rank, body in self._rows.database.execute(query):
            if len(aged) == MOST_AT_ONCE or not self._is_aged(body, now):
                break
            if rank != KEEP:
                aged.append((position, len(body)))
        self._lose(aged, "age")

    def _is_aged(self, body: bytes, now: Stamp) -> bool:
        """Within a boot by the clock that nobody sets: a wall clock may be right only minutes after the start."""
        made = _made(body)
        if made is None:
            return False
        if made.boot_id == now["boot_id"]:
            return made.boot_seconds < now["boot_seconds"] - self._max_age_seconds
        return made.wall_seconds < now["wall_seconds"] - self._max_age_seconds

    def _drop_confirmed(self) -> bool:
        """The broker has these; the hub only did not say so yet."""
        state = self._rows.state
        if state.kept_count <= self._rows.unconfirmed_count:
            return False
        every = self._rows.database.execute("SELECT position FROM record WHERE rank > ? ORDER BY position", (KEEP,))
        confirmed = (at for (at,) in every if at not in state.waiting and at not in state.in_flight)
        chosen = [position for _, position in zip(range(MOST_AT_ONCE), confirmed, strict=False)]
        self._rows.delete(chosen)
        return bool(chosen)

    def _thin(self) -> None:
        """Drop every other snapshot of the oldest part that is not thin yet."""
        state = self._rows.state
        oldest = self._candidates(GIVE_UP_FIRST, 0, state.last_position, 1)
        half = (oldest[0][0] + state.last_position) // 2 if oldest else 0
        dropped: list[tuple[int, int]] = []
        while not dropped:
            candidates = self._candidates(GIVE_UP_FIRST, state.thinned_position, half, 2 * MOST_AT_ONCE)
            if len(candidates) < max(THIN_STEP, state.kept_count // GIVE_UP_FRACTION):
                return
            state.thinned_position = candidates[-1][0]
            for run, step in self._runs(candidates):
                dropped.extend(run[1::THIN_STEP] if step == 1 else [])
        self._lose(dropped, "thinned")

    def _give_up(self) -> bool:
        """Drop the oldest snapshots, then other records."""
        limit = min(MOST_AT_ONCE, max(1, self._rows.state.kept_count // GIVE_UP_FRACTION))
        for rank in (GIVE_UP_FIRST, GIVE_UP_LAST):
            if given_up := self._candidates(rank, 0, self._rows.state.last_position, limit):
                self._lose(given_up, "full")
                return True
        return False

    def _candidates(self, rank: int, after: int, until: int, limit: int) -> _Run:
        """The oldest of this rank that are not in flight, between two positions."""
        query = (
            "SELECT position, length(body) FROM record"
            " WHERE rank = ? AND position > ? AND position <= ? ORDER BY position LIMIT ?"
        )
        in_flight = self._rows.state.in_flight
        found = self._rows.rows(query, rank, after, until, limit + len(in_flight))
        return [(position, size) for position, size in found if position not in in_flight][:limit]

    def _lose(self, items: _Run, reason: LossReason) -> None:
        """Delete these, and name each run of those that the broker has not confirmed in one loss record."""
        state = self._rows.state
        free = [item for item in items if item[0] not in state.in_flight]
        unconfirmed = [item for item in free if item[0] in state.waiting]
        losses = [self._lost(run, reason, step) for run, step in self._runs(unconfirmed)]
        self._rows.delete(position for position, _ in free)
        for lost in losses:
            self._rows.name(lost)

    def _runs(self, items: _Run) -> Iterator[tuple[_Run, int]]:
        """Parts of one epoch whose positions rise by the same step, 1 or, where it is thin, 2."""
        run: _Run = []
        step = 1
        for item in items:
            distance = item[0] - run[-1][0] if run else 0
            if len(run) == 1 and distance <= THIN_STEP:
                step = distance
            if run and (distance != step or self._rows.life_at(item[0]) != self._rows.life_at(run[0][0])):
                yield run, step
                run, step = [], 1
            run.append(item)
        if run:
            yield run, step

    def _lost(self, run: _Run, reason: LossReason, step: int) -> Lost:
        first, last = run[0][0], run[-1][0]
        life = self._rows.life_at(first)
        return Lost(
            epoch=life.epoch,
            first_seq=first - life.base,
            last_seq=last - life.base,
            reason=reason,
            step=step,
            count=len(run),
            size_bytes=sum(size for _, size in run),
            first_wall_seconds=self._wall_seconds_at(first),
            last_wall_seconds=self._wall_seconds_at(last),
        )

    def _wall_seconds_at(self, position: int) -> float | None:
        ((body,),) = self._rows.rows("SELECT CAST(body AS BLOB) FROM record WHERE position = ?", position)
        made = _made(body)
        return made.wall_seconds if made else None


def _made(body: bytes) -> _Made | None:
    try:
        return msgspec.json.decode(body, type=_Made)
    except ValueError:
        return None  # damaged, and so named when it is taken or given up
