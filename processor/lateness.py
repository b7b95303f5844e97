"""News or history: how old a record is when it is read, by clocks that can be compared.

    age = time in the spool (both ends by the agent's clock) + time in the queue (both ends by this process' own)

What follows the processor's own canary in the queue was published after it, so it waited no longer than since then.
Until a canary of this process has come back nobody knows how full the queue is.
"""

from dataclasses import dataclass

from store.model import STALE_AFTER_AT_LEAST_MS, STALE_AFTER_INTERVALS


@dataclass(frozen=True, slots=True)
class CanaryTimes:
    """When a canary was sent: by the wall clock and by the monotonic one of the process with this token."""

    sent_ms: int
    token: str = ""
    monotonic_ms: int | None = None


def write_canary(times: CanaryTimes) -> bytes:
    return f"{times.sent_ms} {times.token} {times.monotonic_ms}".encode()


def read_canary(body: bytes) -> CanaryTimes:
    """Raises ValueError. A plain number, as earlier versions sent it, proves the flow and measures nothing."""
    words = body.decode("ascii").split(" ")
    if len(words) == 1:
        return CanaryTimes(int(words[0]))
    if len(words) != 3:
        raise ValueError("not a canary")
    return CanaryTimes(int(words[0]), words[1], int(words[2]))


def is_late(spool_age_ms: int | None, queue_age_ms: int | None, interval_ms: int) -> bool:
    """Whether a record says nothing about now; an age that is not known (None) is never taken for young."""
    if spool_age_ms is None or queue_age_ms is None:
        return True
    patience_ms = max(STALE_AFTER_INTERVALS * interval_ms, STALE_AFTER_AT_LEAST_MS)
    return max(spool_age_ms, 0) + queue_age_ms > patience_ms
