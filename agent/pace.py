"""How fast a backlog may go: thousands of hosts come back at once, and live records share the road."""

MESSAGES_A_SECOND = 20.0
AT_ONCE = 20.0


class Pace:
    """A bucket of messages that fills while it is not used. Times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._left = AT_ONCE
        self._counted_at = float("-inf")

    def wait_seconds(self, now: float) -> float:
        """0 when a message may go now, and is counted; else how long to wait before asking again."""
        self._left = min(AT_ONCE, self._left + (now - self._counted_at) * MESSAGES_A_SECOND)
        self._counted_at = now
        if self._left >= 1:
            self._left -= 1
            return 0.0
        return (1 - self._left) / MESSAGES_A_SECOND
