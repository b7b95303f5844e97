"""What is known of a silent agent. Pure; every time is the processor's monotonic clock, in milliseconds.

A wall clock that is set back or forth changes none of this.
"""

from dataclasses import dataclass
from enum import StrEnum

from store.model import STALE_AFTER_AT_LEAST_MS, STALE_AFTER_INTERVALS


class Link(StrEnum):
    """The agent's connection as the broker tells of it."""

    OPEN = "open"
    CLOSED = "closed"
    UNKNOWN = "unknown"  # nothing was heard of it since this processor listens


class Reach(StrEnum):
    """Whether the address that the agent's connection came from answers."""

    ANSWERS = "answers"
    SILENT = "silent"
    ASKED = "asked"  # the answer is still to come
    LOCAL = "local"  # the broker's own host: nothing to ask
    SHARED = "shared"  # by several hosts: who answers is not known
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Flow:
    """Whether records come through at all.

    `proven_ms`: all that was published before has been read; a canary of this process, sent then, came back.
    `steady_since_ms`: since then they come through without a break; None while that is in doubt.
    """

    proven_ms: int | None = None
    steady_since_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """`heard_ms` is when the agent's newest live record came, `closed_ms` when its last open connection closed."""

    interval_ms: int
    heard_ms: int
    said_goodbye: bool = False
    link: Link = Link.UNKNOWN
    closed_ms: int | None = None
    reach: Reach = Reach.UNKNOWN
    flow: Flow = Flow()

    @property
    def patience_ms(self) -> int:
        return patience_ms(self.interval_ms)


def patience_ms(interval_ms: int) -> int:
    """How long an agent of this interval may be silent before that counts."""
    return max(STALE_AFTER_INTERVALS * interval_ms, STALE_AFTER_AT_LEAST_MS)
