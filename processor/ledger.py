"""The account of one agent's epoch: how many numbers were assigned, which of them are not stored, and why not.

Pure, without a clock. After every call `assigned_seq == stored + sum(gap.count)`.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from processor.identity import is_of_memory
from rabbitmq.statement import MOST_MISSING_RANGES, MOST_MISSING_RECORDS
from store.model import EpochAccount, EpochKey, Gap, GapState

ASK_AGAIN_MS = 30_000
ASK_FROM_AGE_MS = 10_000
QUIET_AFTER_MS = 60_000  # an agent that has records of an epoch to send is not longer silent about it
UNEXPLAINED_AFTER_MS = 15 * 60_000
LEAST_ASKS = 3
DIED_WITH_ITS_PROCESS = "disk"
_OPEN, _UNEXPLAINED = GapState.OPEN, GapState.UNEXPLAINED


@dataclass(frozen=True, slots=True)
class LedgerChanges:
    """What a draft changes: the epoch's row, gaps that are no more (their first_seq) and gaps as they are now."""

    account: EpochAccount
    closed: Sequence[int]
    kept: Sequence[Gap]


class Ledger:
    """Work on a `draft()`; it takes the ledger's place once its `changes()` are committed."""

    __slots__ = (
        "_before",
        "_firsts",
        "_gaps",
        "_open",
        "assigned_seq",
        "duplicates",
        "heard_ms",
        "key",
        "oldest_kept_seq",
        "oldest_unconfirmed_seq",
        "stored",
        "told_ms",
        "told_seq",
        "unexplained",
    )

    def __init__(self, account: EpochAccount, gaps: Iterable[Gap] = ()) -> None:
        self.key = EpochKey(account.agent_id, account.epoch)
        self.assigned_seq = account.assigned_seq
        self.stored = account.stored
        self.duplicates = account.duplicates
        self.oldest_unconfirmed_seq = account.oldest_unconfirmed_seq
        self.oldest_kept_seq = account.oldest_kept_seq
        self.told_seq = account.told_seq
        self.told_ms = account.told_ms
        self.heard_ms = 0  # when the agent last told of this epoch; not kept
        self._gaps = {gap.first_seq: gap for gap in gaps}
        self._firsts = sorted(self._gaps)
        self._open = [first for first in self._firsts if self._gaps[first].state is _OPEN]
        self._before: dict[int, Gap | None] = {}  # what the draft touched, as it was
        self.unexplained = _count_unexplained(self._gaps.values())

    @property
    def gaps(self) -> Sequence[Gap]:
        """By rising number."""
        return [self._gaps[first] for first in self._firsts]

    @property
    def has_open_gaps(self) -> bool:
        return bool(self._open)

    @property
    def has_changes(self) -> bool:
        """Whether this draft changed any gap."""
        return bool(self._before)

    @property
    def settled_seq(self) -> int:
        """Everything up to here is stored or has a name, so the agent may free it.

        What an ended epoch in memory has not delivered does not count: its agent may live and be about to send it.
        """
        if is_of_memory(self.key.epoch):
            awaited = (g.first_seq for g in self.gaps if g.state is _OPEN or g.reason == DIED_WITH_ITS_PROCESS)
            return next(awaited, self.assigned_seq + 1) - 1
        return self._open[0] - 1 if self._open else self.assigned_seq

    def draft(self) -> "Ledger":
        """A copy to change."""
        copy = Ledger.__new__(Ledger)
        copy.key = self.key
        copy.assigned_seq, copy.stored, copy.duplicates = self.assigned_seq, self.stored, self.duplicates
        copy.oldest_unconfirmed_seq, copy.oldest_kept_seq = self.oldest_unconfirmed_seq, self.oldest_kept_seq
        copy.told_seq, copy.told_ms, copy.unexplained = self.told_seq, self.told_ms, self.unexplained
        copy.heard_ms = self.heard_ms
        copy._gaps, copy._firsts, copy._open, copy._before = self._gaps.copy(), self._firsts[:], self._open[:], {}
        return copy

    def changes(self) -> LedgerChanges:
        """What this draft changed since it was made."""
        closed: list[int] = []
        kept: list[Gap] = []
        for first, before in self._before.items():
            now = self._gaps.get(first)
            if now is None:
                if before is not None:
                    closed.append(first)
            elif now != before:
                kept.append(now)
        return LedgerChanges(self._account(), closed, kept)

    def see(self, seq: int, now_ms: int) -> bool:
        """A readable record arrived: True when its number was not stored yet, whatever was thought to be its fate."""
        if seq == self.assigned_seq + 1:
            self.assigned_seq = seq
        elif seq > self.assigned_seq:
            self._extend(seq - 1, now_ms)
            self.assigned_seq = seq
        elif not self._take_out(seq):
            self.duplicates += 1
            return False
        self.stored += 1
        return True

    def has_stored(self, seq: int) -> bool:
        return seq <= self.assigned_seq and self._place_of(seq) is None

    def declare(self, numbers: range, reason: str, now_ms: int) -> None:
        """The agent named these numbers as lost: those that are not stored nor named before are declared."""
        self._name(numbers, GapState.DECLARED, reason, now_ms)

    def quarantine(self, numbers: range, reason: str, now_ms: int) -> None:
        """The records under these numbers went to quarantine."""
        self._name(numbers, GapState.QUARANTINED, reason, now_ms)

    def hear(self, *, last_assigned_seq: int, oldest_kept_seq: int, oldest_unconfirmed_seq: int, now_ms: int) -> None:
        """What the holder of the identity told of its numbering, 0 where it told nothing.

        The oldest unconfirmed number may fall: what is sent again is on its way again.
        """
        if last_assigned_seq > self.assigned_seq:
            self._extend(last_assigned_seq, now_ms)
        self.oldest_kept_seq = max(self.oldest_kept_seq, oldest_kept_seq)
        self.oldest_unconfirmed_seq = oldest_unconfirmed_seq or self.oldest_unconfirmed_seq
        self.heard_ms = now_ms

    def is_quiet(self, now_ms: int) -> bool:
        """Whether nothing of this epoch was heard for a while."""
        return abs(now_ms - self.heard_ms) >= QUIET_AFTER_MS

    def end(self, now_ms: int) -> None:
        """Another epoch began: what an epoch in memory did not deliver died with its process.

        One on disk may be asked for all that is missing: what still waits there the agent sends without being asked.
        """
        if not is_of_memory(self.key.epoch):
            self.oldest_unconfirmed_seq = self.assigned_seq + 1
        elif self._open:
            self.declare(range(self._open[0], self.assigned_seq + 1), DIED_WITH_ITS_PROCESS, now_ms)

    def ask(self, now_ms: int, unexplained_after_ms: int = UNEXPLAINED_AFTER_MS) -> Sequence[tuple[int, int]]:
        """Ranges that the broker confirmed and does not have any more, to be sent again; they count as asked for now.

        A number below the oldest unconfirmed one cannot be in the queue any more: the queue keeps its order. What was
        asked for long enough without an answer is unexplained from now on.
        """
        ranges: list[tuple[int, int]] = []
        room = MOST_MISSING_RECORDS
        for first in tuple(self._open):
            gap = self._gaps[first]
            if gap.last_seq >= self.oldest_unconfirmed_seq or not room or len(ranges) == MOST_MISSING_RANGES:
                break
            if not _may_be_asked_for(gap, now_ms):
                continue
            if _was_asked_enough(gap, unexplained_after_ms):
                lost = range(gap.first_seq, gap.last_seq + 1)
                self._name(lost, _UNEXPLAINED, "", now_ms)
                continue
            last = min(gap.last_seq, first + room - 1)
            asked = replace(gap, last_seq=last, asked_ms=now_ms, asked_count=gap.asked_count + 1)
            rest = [_part(gap, last + 1, gap.last_seq)] if last < gap.last_seq else []
            place = bisect_left(self._firsts, first)
            self._put(place, place + 1, [asked, *rest])
            ranges.append((first, last))
            room -= asked.count
        return ranges

    def _account(self) -> EpochAccount:
        return EpochAccount(
            agent_id=self.key.agent_id,
            epoch=self.key.epoch,
            assigned_seq=self.assigned_seq,
            stored=self.stored,
            duplicates=self.duplicates,
            oldest_unconfirmed_seq=self.oldest_unconfirmed_seq,
            oldest_kept_seq=self.oldest_kept_seq,
            told_seq=self.told_seq,
            told_ms=self.told_ms,
        )

    def _extend(self, last_seq: int, now_ms: int) -> None:
        """Numbers up to `last_seq` were assigned; none of the new ones has arrived."""
        hole = Gap(first_seq=self.assigned_seq + 1, last_seq=last_seq, state=_OPEN, since_ms=now_ms)
        self._put(len(self._firsts), len(self._firsts), [hole])
        self.assigned_seq = last_seq

    def _place_of(self, seq: int) -> int | None:
        """The index of the gap that `seq` is in."""
        place = bisect_right(self._firsts, seq) - 1
        return place if place >= 0 and seq <= self._gaps[self._firsts[place]].last_seq else None

    def _take_out(self, seq: int) -> bool:
        place = self._place_of(seq)
        if place is None:
            return False
        gap = self._gaps[self._firsts[place]]
        if gap.first_seq == seq < gap.last_seq:
            self._shorten(place, gap)
        else:
            ends = ((gap.first_seq, seq - 1), (seq + 1, gap.last_seq))
            self._put(place, place + 1, [_part(gap, first, last) for first, last in ends if first <= last])
        return True

    def _shorten(self, place: int, gap: Gap) -> None:
        """Take the gap's first number out: what a backlog does with each of its records, so it must cost little."""
        seq = gap.first_seq
        self._before.setdefault(seq, gap)
        self._before.setdefault(seq + 1, None)
        del self._gaps[seq]
        self._gaps[seq + 1] = _part(gap, seq + 1, gap.last_seq)
        self._firsts[place] = seq + 1
        if gap.state is _OPEN:
            self._open[bisect_left(self._open, seq)] = seq + 1
        elif gap.state is _UNEXPLAINED:
            self.unexplained -= 1

    def _name(self, numbers: range, state: GapState, reason: str, now_ms: int) -> None:
        if numbers[-1] > self.assigned_seq:
            self._extend(numbers[-1], now_ms)
        place = self._place_of(numbers[0])
        start = bisect_left(self._firsts, numbers[0]) if place is None else place
        end = bisect_right(self._firsts, numbers[-1])
        gaps: list[Gap] = []
        for first in self._firsts[start:end]:
            gap = self._gaps[first]
            if gap.state is _OPEN or gap.state is _UNEXPLAINED:
                gaps.extend(_named(gap, numbers, state, reason, now_ms))
            else:
                gaps.append(gap)
        self._put(start, end, gaps)

    def _put(self, start: int, end: int, gaps: list[Gap]) -> None:
        """Put `gaps` in the place of those at indices `start` to `end`, merged with equal neighbours."""
        if gaps and start > 0 and _continues(self._gaps[self._firsts[start - 1]], gaps[0]):
            start -= 1
            gaps = [self._gaps[self._firsts[start]], *gaps]
        if gaps and end < len(self._firsts) and _continues(gaps[-1], self._gaps[self._firsts[end]]):
            gaps = [*gaps, self._gaps[self._firsts[end]]]
            end += 1
        gaps = _merged(gaps) if len(gaps) > 1 else gaps
        removed = [self._gaps.pop(first) for first in self._firsts[start:end]]
        for gap in removed:
            self._before.setdefault(gap.first_seq, gap)
        for gap in gaps:
            self._before.setdefault(gap.first_seq, None)
            self._gaps[gap.first_seq] = gap
        self._firsts[start:end] = [gap.first_seq for gap in gaps]
        was_open = [gap.first_seq for gap in removed if gap.state is _OPEN]
        is_open = [gap.first_seq for gap in gaps if gap.state is _OPEN]
        if was_open or is_open:
            place = bisect_left(self._open, (was_open or is_open)[0])
            self._open[place : place + len(was_open)] = is_open
        self.unexplained += _count_unexplained(gaps) - _count_unexplained(removed)


def _count_unexplained(gaps: Iterable[Gap]) -> int:
    return sum([gap.count for gap in gaps if gap.state is _UNEXPLAINED])


def _may_be_asked_for(gap: Gap, now_ms: int) -> bool:
    if gap.asked_ms is None:
        return abs(now_ms - gap.since_ms) >= ASK_FROM_AGE_MS  # a clock set back stops no question
    return abs(now_ms - gap.asked_ms) >= ASK_AGAIN_MS


def _was_asked_enough(gap: Gap, unexplained_after_ms: int) -> bool:
    return gap.asked_count >= LEAST_ASKS and (gap.asked_count - 1) * ASK_AGAIN_MS >= unexplained_after_ms


def _part(gap: Gap, first_seq: int, last_seq: int) -> Gap:
    return Gap(
        first_seq=first_seq,
        last_seq=last_seq,
        state=gap.state,
        since_ms=gap.since_ms,
        reason=gap.reason,
        asked_ms=gap.asked_ms,
        asked_count=gap.asked_count,
    )


def _named(gap: Gap, numbers: range, state: GapState, reason: str, now_ms: int) -> Iterator[Gap]:
    """The gap in parts: those among `numbers` with their new name, the rest as it was."""
    low = max(numbers.start + -(-(gap.first_seq - numbers.start) // numbers.step) * numbers.step, numbers.start)
    inside = range(low, min(gap.last_seq + 1, numbers.stop), numbers.step)
    position = gap.first_seq
    pieces = [(inside.start, inside.stop - 1)] if numbers.step == 1 and inside else [(seq, seq) for seq in inside]
    for first, last in pieces:
        if position < first:
            yield _part(gap, position, first - 1)
        yield Gap(first_seq=first, last_seq=last, state=state, since_ms=now_ms, reason=reason)
        position = last + 1
    if position <= gap.last_seq:
        yield _part(gap, position, gap.last_seq)


def _continues(left: Gap, right: Gap) -> bool:
    """Whether both say the same of neighbouring numbers."""
    return left.last_seq + 1 == right.first_seq and (left.state, left.reason, left.asked_ms, left.asked_count) == (
        right.state,
        right.reason,
        right.asked_ms,
        right.asked_count,
    )


def _merged(gaps: Sequence[Gap]) -> list[Gap]:
    merged = [gaps[0]]
    for gap in gaps[1:]:
        if _continues(merged[-1], gap):
            merged[-1] = _part(merged[-1], merged[-1].first_seq, gap.last_seq)
        else:
            merged.append(gap)
    return merged
