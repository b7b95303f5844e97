"""Who may tell of a broker that is away: the owner of the fence, and another process only when that one is gone.

    owner      --says each 5 s, while it has no way to the broker, that it lives--> the fence row
    a process that never owned it  --sees the row unchanged for 20 s by its own monotonic clock--> claims it, once

Guaranteed while the broker is away: an owner that lives and reaches the database keeps the fence; of several that wait
one takes it over from an owner that died or froze, because a claim succeeds only on the row that was seen; whoever lost
it claims nothing back. When the broker is back, whoever is the one active consumer claims it with its first batch.
Wall clocks of different hosts are never compared.
"""

from store.fence import Held

SAYS_EACH_MS = 5_000
GONE_AFTER_MS = 20_000


class OwnerWatch:
    """Looked at again and again; `forget` while nobody looks."""

    def __init__(self) -> None:
        self._seen: Held | None = None
        self._since_ms = 0

    def is_gone(self, held: Held, monotonic_ms: int) -> bool:
        """Whether the owner has said nothing since it was looked at first, and long enough."""
        if held != self._seen:
            self._seen, self._since_ms = held, monotonic_ms
        return monotonic_ms - self._since_ms >= GONE_AFTER_MS

    def forget(self) -> None:
        self._seen = None
