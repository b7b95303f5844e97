"""Who may tell of a broker that is away: the owner of the fence, and another process only when that one is gone.

    owner      --says each 5 s that it lives--> the fence row
    a process that never owned it  --sees the row unchanged for 20 s by its own monotonic clock--> claims it, once

Guaranteed while the broker is away: an owner that lives and reaches the database keeps the fence; of several that wait
one takes it over from an owner that died or froze, because a claim succeeds only on the row that was seen; whoever lost
it claims nothing back. When the broker is back, whoever is the one active consumer claims it with its first batch.
Wall clocks of different hosts are never compared. An owner that seems quiet because nobody could look is not quiet: a
database that is away, a look that hangs and a process that was frozen count as next to nothing.
"""

from collections.abc import Callable

from sqlalchemy import Engine

from store.engine import StoreUnavailable, reading
from store.fence import Held, held

SAYS_EACH_MS = 5_000
GONE_AFTER_MS = 20_000
LOOK_COUNTS_MS = 2_000  # at most, since the look before: what was between the two nobody saw


class OwnerWatch:
    """Asked again and again; `forget` while nobody asks."""

    def __init__(self) -> None:
        self._seen: Held | None = None
        self._looked_ms = 0
        self._quiet_ms = 0

    def find_gone(self, engine: Engine, monotonic_ms: Callable[[], int]) -> Held | None:
        """The claim of an owner that is gone, None while it may live. Raises StoreUnavailable."""
        try:
            with reading(engine) as connection:
                found = held(connection)
        except StoreUnavailable:
            self.forget()  # the owner had nowhere to say that it lives
            raise
        return found if self.is_gone(found, monotonic_ms()) else None

    def is_gone(self, held: Held, monotonic_ms: int) -> bool:
        """Whether the owner has said nothing since it was looked at first, and long enough."""
        if held != self._seen:
            self._seen, self._quiet_ms = held, 0
        else:
            self._quiet_ms += min(monotonic_ms - self._looked_ms, LOOK_COUNTS_MS)
        self._looked_ms = monotonic_ms
        return self._quiet_ms >= GONE_AFTER_MS

    def forget(self) -> None:
        self._seen = None
