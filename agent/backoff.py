"""How long to wait before the next try: full jitter, so that a fleet does not come back in one wave."""

import random
from collections.abc import Callable

FIRST_SECONDS = 1.0
RECONNECT_MAX_SECONDS = 60.0
"""The cap between tries to reach the broker, unless HEALTHMON_RECONNECT_MAX_SECONDS says otherwise. Whoever has mended
the broker looks at the hosts next, so none may stay away for minutes; 5,000 agents drawing from a minute are still no
more than some 80 log-ins a second."""
_ENOUGH_DOUBLINGS = 16


class Backoff:
    """Waits drawn from 0 to 1, 2, 4, ... seconds, never above `cap_seconds`."""

    def __init__(self, cap_seconds: float, uniform: Callable[[float, float], float] = random.uniform) -> None:
        self._cap_seconds = cap_seconds
        self._uniform = uniform
        self._failures = 0

    def next_seconds(self) -> float:
        bound_seconds = min(self._cap_seconds, FIRST_SECONDS * 2 ** min(self._failures, _ENOUGH_DOUBLINGS))
        self._failures += 1
        return self._uniform(0.0, bound_seconds)

    def reset(self) -> None:
        self._failures = 0
