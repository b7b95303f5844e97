"""Waiting for a condition with a deadline, instead of sleeping for luck."""

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


def wait_for(probe: Callable[[], Value | None], what: str, *, within_seconds: float = 60.0) -> Value:
    """Ask `probe` until it answers something true; AssertionError names what did not happen."""
    deadline = time.monotonic() + within_seconds
    while True:
        value = probe()
        if value:
            return value
        assert time.monotonic() < deadline, f"within {within_seconds:g} s not seen: {what}"
        time.sleep(0.05)
