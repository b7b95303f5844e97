"""The account of one agent's epoch: how many numbers were assigned, which of them are not stored, and why not.

Pure, without a clock. After every call `assigned_seq == stored + sum(gap.count)`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from processor.gaps import Gaps, common, part, renamed
from processor.identity import is_of_memory
from rabbitmq.statement import MOST_MISSING_RANGES, MOST_MISSING_RECORDS
from store.record_account import EpochAccount, EpochKey, Gap, GapState

ASK_AGAIN_MS = 30_000
ASK_FROM_AGE_MS = 10_000
QUIET_AFTER_MS = 60_000  # an agent that has records of an epoch to send is not longer silent about it
UNEXPLAINED_AFTER_MS = 15 * 60_000
LEAST_ASKS = 3
DIED_WITH_ITS_PROCESS = "disk"
_OPEN = GapState.OPEN
_NAMELESS = frozenset({GapState.OPEN, GapState.UNEXPLAINED})


@dataclass(frozen=True, slots=True)
class LedgerChanges:
    """What a draft changes: the epoch's row, gaps that are no more (their first_seq) and gaps as they are now."""

    account: EpochAccount
    closed: Sequence[int]
    kept: Sequence[Gap]


class Ledger:
    """Work on a `draft()`; it takes the ledger's place once its `changes()` are committed."""

    __slots__ = (
        "_gaps",
        "assigned_seq",
        "duplicates",
        "heard_ms",
        "key",
        "oldest_kept_seq",
        "oldest_unconfirmed_seq",
        "stored",
        "told_ms",
        "told_seq",
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
        self._gaps = Gaps(gaps)

    @property
    def gaps(self) -> Sequence[Gap]:
        """By rising first number."""
        return list(self._gaps)

    @property
    def unexplained(self) -> int:
        """How many numbers nobody has and nobody named."""
        return self._gaps.unexplained

    @property
    def has_open_gaps(self) -> bool:
        return bool(self._gaps.open_firsts)

    @property
    def has_changes(self) -> bool:
        """Whether this draft changed any gap."""
        return self._gaps.has_changes

    @property
    def settled_seq(self) -> int:
        """Everything up to here is stored or has a name, so the agent may free it.

        What an ended epoch in memory has not delivered does not count: its agent may live and be about to send it.
        """
        if is_of_memory(self.key.epoch):
            awaited = (g.first_seq for g in self._gaps if g.state is _OPEN or g.reason == DIED_WITH_ITS_PROCESS)
            return next(awaited, self.assigned_seq + 1) - 1
        return self._gaps.open_firsts[0] - 1 if self._gaps.open_firsts else self.assigned_seq

    def draft(self) -> "Ledger":
        """A copy to change."""
        copy = Ledger.__new__(Ledger)
        copy.key = self.key
        copy.assigned_seq, copy.stored, copy.duplicates = self.assigned_seq, self.stored, self.duplicates
        copy.oldest_unconfirmed_seq, copy.oldest_kept_seq = self.oldest_unconfirmed_seq, self.oldest_kept_seq
        copy.told_seq, copy.told_ms, copy.heard_ms = self.told_seq, self.told_ms, self.heard_ms
        copy._gaps = self._gaps.draft()
        return copy

    def changes(self) -> LedgerChanges:
        """What this draft changed since it was made."""
        return LedgerChanges(self._account(), *self._gaps.changes())

    def see(self, seq: int, now_ms: int) -> bool:
        """A readable record arrived: True when its number was not stored yet, whatever was thought to be its fate."""
        if seq == self.assigned_seq + 1:
            self.assigned_seq = seq
        elif seq > self.assigned_seq:
            self._extend(seq - 1, now_ms)
            self.assigned_seq = seq
        elif not self._gaps.take_out(seq):
            self.duplicates += 1
            return False
        self.stored += 1
        return True

    def has_stored(self, seq: int) -> bool:
        return seq <= self.assigned_seq and self._gaps.find(seq) is None

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
        elif self._gaps.open_firsts:
            self.declare(range(self._gaps.open_firsts[0], self.assigned_seq + 1), DIED_WITH_ITS_PROCESS, now_ms)

    def ask(self, now_ms: int, unexplained_after_ms: int = UNEXPLAINED_AFTER_MS) -> Sequence[tuple[int, int]]:
        """Ranges that the broker confirmed and does not have any more, to be sent again; they count as asked for now.

        A number below the oldest unconfirmed one cannot be in the queue any more: the queue keeps its order. What was
        asked for long enough without an answer is unexplained from now on.
        """
        ranges: list[tuple[int, int]] = []
        room = MOST_MISSING_RECORDS
        for gap, numbers in list(self._to_be_asked_for(now_ms)):
            if not room or len(ranges) == MOST_MISSING_RANGES:
                break
            if _was_asked_enough(gap, unexplained_after_ms):
                self._name(numbers, GapState.UNEXPLAINED, "", now_ms)
                continue
            chosen = numbers[: room if gap.step == 1 else min(room, MOST_MISSING_RANGES - len(ranges))]
            asked = replace(part(gap, chosen[0], chosen[-1]), asked_ms=now_ms, asked_count=gap.asked_count + 1)
            rest = [part(gap, chosen[-1] + gap.step, gap.last_seq)] if chosen[-1] < gap.last_seq else []
            self._gaps.replace([gap], [asked, *rest])
            ranges += [(chosen[0], chosen[-1])] if gap.step == 1 else [(seq, seq) for seq in chosen]
            room -= len(chosen)
        return ranges

    def _to_be_asked_for(self, now_ms: int) -> Iterator[tuple[Gap, range]]:
        """Gaps, with numbers of them, that the queue cannot fill any more and that nobody was asked for lately."""
        for first in self._gaps.open_firsts:
            gap = self._gaps.get(first)
            if first >= self.oldest_unconfirmed_seq or gap is None:
                return
            numbers = gap.numbers if gap.step == 1 else range(first, self.oldest_unconfirmed_seq, gap.step)
            numbers = numbers[: gap.count]
            if numbers[-1] < self.oldest_unconfirmed_seq and _may_be_asked_for(gap, now_ms):
                yield gap, numbers

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
        self._gaps.replace([], [hole])
        self.assigned_seq = last_seq

    def _name(self, numbers: range, state: GapState, reason: str, now_ms: int) -> None:
        if numbers[-1] > self.assigned_seq:
            self._extend(numbers[-1], now_ms)
        name = Gap(first_seq=0, last_seq=0, state=state, since_ms=now_ms, reason=reason)
        old: list[Gap] = []
        new: list[Gap] = []
        for gap in self._gaps.between(numbers[0], numbers[-1]):
            if gap.state in _NAMELESS and (named := common(gap, numbers)):
                old.append(gap)
                new += renamed(gap, named, name)
        self._gaps.replace(old, new)


def _may_be_asked_for(gap: Gap, now_ms: int) -> bool:
    if gap.asked_ms is None:
        return abs(now_ms - gap.since_ms) >= ASK_FROM_AGE_MS  # a clock set back stops no question
    return abs(now_ms - gap.asked_ms) >= ASK_AGAIN_MS


def _was_asked_enough(gap: Gap, unexplained_after_ms: int) -> bool:
    return gap.asked_count >= LEAST_ASKS and (gap.asked_count - 1) * ASK_AGAIN_MS >= unexplained_after_ms
