"""Waiting for a condition with a deadline, instead of sleeping for luck."""

import time
from collections.abc import Callable
from typing import TypeVar

SHORTEST_REST_SECONDS = 0.05

Value = TypeVar("Value")


def wait_for(
    probe: Callable[[], Value | None], what: str | Callable[[], str], *, within_seconds: float = 60.0
) -> Value:
    """Ask `probe` until it answers something true; AssertionError names what did not happen.

    `what` may be a function, for words that are known only when the time is over. Between two questions it rests as
    long as the last one took: a probe that starts processes does not keep a core busy.
    """
    deadline = time.monotonic() + within_seconds
    while True:
        asked = time.monotonic()
        value = probe()
        if value:
            return value
        now = time.monotonic()
        if now >= deadline:
            missed = what if isinstance(what, str) else what()
            raise AssertionError(f"within {within_seconds:g} s not seen: {missed}")
        time.sleep(max(SHORTEST_REST_SECONDS, now - asked))
