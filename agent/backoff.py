"""How long to wait before the next try: full jitter, so that a fleet does not come back in one wave."""

import random
from collections.abc import Callable

FIRST_SECONDS = 1.0
CAP_SECONDS = 30.0
_ENOUGH_DOUBLINGS = 16


class Backoff:
    """Waits drawn from 0 to 1, 2, 4, ... seconds, never above the cap."""

    def __init__(self, uniform: Callable[[float, float], float] = random.uniform) -> None:
        self._uniform = uniform
        self._failures = 0

    def next_seconds(self) -> float:
        bound_seconds = min(CAP_SECONDS, FIRST_SECONDS * 2 ** min(self._failures, _ENOUGH_DOUBLINGS))
        self._failures += 1
        return self._uniform(0.0, bound_seconds)

    def reset(self) -> None:
        self._failures = 0
