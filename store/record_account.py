"""Frozen domain types of the account of records: which numbers are stored, and what became of the others. Pure.

Times are whole milliseconds since the Unix epoch (UTC) and end in `_ms`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class GapState(StrEnum):
    """What became of records that are not stored."""

    OPEN = "open"  # in transit: the agent or the broker has them
    QUARANTINED = "quarantined"
    DECLARED = "declared"  # named as lost
    UNEXPLAINED = "unexplained"  # nobody has them and nobody named them: a mistake of ours, or of the agent's


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Every `step`th of the records `first_seq` to `last_seq` of an epoch (both included), none of them stored.

    `reason` is a loss's or a quarantine's word. `asked_ms` is when the agent was last asked to send them again.
    """

    first_seq: int
    last_seq: int
    state: GapState
    since_ms: int
    reason: str = ""
    asked_ms: int | None = None
    asked_count: int = 0
    step: int = 1  # 2 where a spool was thinned

    @property
    def numbers(self) -> range:
        return range(self.first_seq, self.last_seq + 1, self.step)

    @property
    def count(self) -> int:
        return (self.last_seq - self.first_seq) // self.step + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochAccount:
    """The account of one agent's epoch: `assigned_seq == stored + sum(gap.count)` over its gaps, at every commit.

    `assigned_seq` is the highest number known. `duplicates` came again and were absorbed. The agent told the two
    `oldest_` last; it was told `told_seq` last, as settled, at `told_ms`. 0: not told yet.
    """

    agent_id: str
    epoch: int
    assigned_seq: int = 0
    stored: int = 0
    duplicates: int = 0
    oldest_unconfirmed_seq: int = 0
    oldest_kept_seq: int = 0
    told_seq: int = 0
    told_ms: int = 0


@dataclass(frozen=True, slots=True, order=True)
class EpochKey:
    """One epoch of one agent."""

    agent_id: str
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountChanges:
    """What a batch changes in the accounts: whole rows of epochs and gaps. Gaps are closed before others are kept."""

    epochs: Sequence[EpochAccount] = ()
    closed_gaps: Sequence[tuple[EpochKey, int]] = ()  # with the gap's first_seq
    kept_gaps: Sequence[tuple[EpochKey, Gap]] = ()
