"""The numbers of an epoch that are not stored, as gaps that share no number.

A gap is of consecutive numbers or of every other one, as a thinned spool loses them. Gaps of every other number may lie
between each other, so there are three rows of gaps, and within a row none begins before another one ends:

    consecutive   1-3         9-12
    even                4 6 8
    odd                  5 7
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from math import lcm

from store.record_account import Gap, GapState

THIN_STEP = 2


class Gaps:
    """Work on a `draft()`: it remembers what it changed."""

    __slots__ = ("_before", "_by_first", "_rows", "open_firsts", "unexplained")

    def __init__(self, gaps: Iterable[Gap] = ()) -> None:
        self._by_first: dict[int, Gap] = {}
        self._rows: tuple[list[int], ...] = ([], [], [])  # the gaps' first numbers, rising
        self._before: dict[int, Gap | None] = {}  # what the draft touched, as it was
        self.open_firsts: list[int] = []  # rising
        self.unexplained = 0  # numbers
        for gap in gaps:
            self._insert(gap)
        self._before = {}

    def __iter__(self) -> Iterator[Gap]:
        """By rising first number."""
        return (self._by_first[first] for first in sorted(self._by_first))

    def draft(self) -> "Gaps":
        """A copy to change."""
        copy = Gaps.__new__(Gaps)
        copy._by_first, copy._rows = self._by_first.copy(), tuple(row[:] for row in self._rows)
        copy.open_firsts, copy.unexplained, copy._before = self.open_firsts[:], self.unexplained, {}
        return copy

    @property
    def has_changes(self) -> bool:
        return bool(self._before)

    def changes(self) -> tuple[Sequence[int], Sequence[Gap]]:
        """First numbers of gaps that are no more, and gaps as they are now, since the draft was made."""
        closed: list[int] = []
        kept: list[Gap] = []
        for first, before in self._before.items():
            now = self._by_first.get(first)
            if now is None:
                if before is not None:
                    closed.append(first)
            elif now != before:
                kept.append(now)
        return closed, kept

    def get(self, first_seq: int) -> Gap | None:
        """The gap that begins with this number."""
        return self._by_first.get(first_seq)

    def find(self, seq: int) -> Gap | None:
        """The gap that this number is in."""
        for row in (self._rows[0], self._rows[1 + seq % 2]):
            place = bisect_right(row, seq) - 1
            if place >= 0 and seq <= (gap := self._by_first[row[place]]).last_seq:
                return gap
        return None

    def between(self, low: int, high: int) -> Iterator[Gap]:
        """Those with numbers from `low` to `high`, both included, or around them."""
        for row in self._rows:
            start = max(bisect_right(row, low) - 1, 0)
            for first in row[start : bisect_right(row, high)]:
                gap = self._by_first[first]
                if gap.last_seq >= low:
                    yield gap

    def replace(self, old: Iterable[Gap], new: Iterable[Gap]) -> None:
        """Put `new` in the place of `old`, joined with neighbours that say the same."""
        for gap in old:
            self._remove(gap)
        for gap in new:
            self._add(gap)

    def take_out(self, seq: int) -> bool:
        """The number is stored now; False when it is in no gap."""
        gap = self.find(seq)
        if gap is None:
            return False
        if gap.first_seq == seq and gap.count > THIN_STEP:
            self._shorten(gap)
        else:
            ends = ((gap.first_seq, seq - gap.step), (seq + gap.step, gap.last_seq))
            self.replace([gap], [part(gap, first, last) for first, last in ends if first <= last])
        return True

    def _shorten(self, gap: Gap) -> None:
        """Take the first number out: what a backlog does with each of its records, so it must cost little."""
        old, new, row = gap.first_seq, gap.first_seq + gap.step, self._row_of(gap)
        self._before.setdefault(old, gap)
        self._before.setdefault(new, None)
        del self._by_first[old]
        self._by_first[new] = part(gap, new, gap.last_seq)
        row[bisect_left(row, old)] = new
        if gap.state is GapState.OPEN:
            del self.open_firsts[bisect_left(self.open_firsts, old)]
            insort(self.open_firsts, new)
        elif gap.state is GapState.UNEXPLAINED:
            self.unexplained -= 1

    def _add(self, gap: Gap) -> None:
        for step in (1, THIN_STEP):
            left, right = self.find(gap.first_seq - step), self.find(gap.last_seq + step)
            if left is not None and _goes_on(left, gap, step):
                self._remove(left)
                gap = part(left, left.first_seq, gap.last_seq, step)
            if right is not None and _goes_on(gap, right, step):
                self._remove(right)
                gap = part(gap, gap.first_seq, right.last_seq, step)
        self._insert(gap)

    def _insert(self, gap: Gap) -> None:
        first = gap.first_seq
        self._before.setdefault(first, None)
        self._by_first[first] = gap
        insort(self._row_of(gap), first)
        if gap.state is GapState.OPEN:
            insort(self.open_firsts, first)
        elif gap.state is GapState.UNEXPLAINED:
            self.unexplained += gap.count

    def _remove(self, gap: Gap) -> None:
        first, row = gap.first_seq, self._row_of(gap)
        self._before.setdefault(first, gap)
        del self._by_first[first]
        del row[bisect_left(row, first)]
        if gap.state is GapState.OPEN:
            del self.open_firsts[bisect_left(self.open_firsts, first)]
        elif gap.state is GapState.UNEXPLAINED:
            self.unexplained -= gap.count

    def _row_of(self, gap: Gap) -> list[int]:
        return self._rows[0 if gap.step == 1 else 1 + gap.first_seq % 2]


def part(gap: Gap, first_seq: int, last_seq: int, step: int = 0) -> Gap:
    """Some of its numbers; a single one has the step 1."""
    return replace(gap, first_seq=first_seq, last_seq=last_seq, step=(step or gap.step) if first_seq < last_seq else 1)


def common(gap: Gap, numbers: range) -> range:
    """The numbers that are in both."""
    low = max(gap.first_seq, numbers.start)
    low += (numbers.start - low) % numbers.step
    if (low - gap.first_seq) % gap.step:
        low += numbers.step
    if (low - gap.first_seq) % gap.step:
        return range(0)
    return range(low, min(gap.last_seq + 1, numbers.stop), lcm(gap.step, numbers.step))


def renamed(gap: Gap, numbers: range, name: Gap) -> Iterator[Gap]:
    """The gap in parts: `numbers`, which are `common` to it, say what `name` says, the rest what it said."""
    runs = [numbers] if numbers.step in (gap.step, THIN_STEP) else [range(seq, seq + 1) for seq in numbers]
    position = gap.first_seq
    for run in runs:
        first, last = run[0], run[-1]
        if position < first:
            yield part(gap, position, first - gap.step)
        yield part(name, first, last, run.step)
        if run.step > gap.step and first < last:
            yield part(gap, first + 1, last - 1, run.step)
        position = last + gap.step
    if position <= gap.last_seq:
        yield part(gap, position, gap.last_seq)


def _goes_on(left: Gap, right: Gap, step: int) -> bool:
    """Whether both say the same, and their numbers together are all `step` apart."""
    return (
        right.first_seq - left.last_seq == step
        and all(gap.step == step or gap.count == 1 for gap in (left, right))
        and (left.state, left.reason, left.asked_ms, left.asked_count)
        == (right.state, right.reason, right.asked_ms, right.asked_count)
    )
