"""The demo's course, with everything that it talks to passed in."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from deploy.demo.trouble import Trouble

DEADLINE_SECONDS = 90
POLL_SECONDS = 2.0

Found = TypeVar("Found")


class DeskLike(Protocol):
    def open_incidents(self) -> list[dict[str, Any]]: ...

    def is_closed(self, number: int) -> bool: ...

    def shown(self, number: int) -> str: ...


class TooLate(Exception):
    """Something did not happen within the deadline; the message says what."""


class Clock(Protocol):
    def monotonic(self) -> float: ...

    def sleep(self, seconds: float, /) -> None: ...


def play(trouble: Trouble, desk: DeskLike, say: Callable[[str], None], clock: Clock = time) -> None:
    """Make the trouble, show its incident, heal it, show the incident closed.

    1. Heal what an earlier demo may have left, and wait until no incident of it is open.
    2. Make the trouble and wait for its incident; show it with its remedy.
    3. Heal the trouble, also when 2 failed or was interrupted.
    4. Wait until the incident is closed by good readings; show it again.

    Raises TooLate.
    """

    def incident() -> Mapping[str, Any] | None:
        return next((found for found in desk.open_incidents() if trouble.causes(found)), None)

    trouble.heal()
    _wait(clock, "an incident just like it was open before and still is", lambda: incident() is None)
    say(f"Trouble: {trouble.intention}.")
    started = clock.monotonic()
    try:
        trouble.start()
        found = _wait(clock, "no incident was opened", incident)
        say(f"After {clock.monotonic() - started:.0f} s, this is what you see:\n")
        say(desk.shown(found["number"]))
    finally:
        trouble.heal()
    say("Healed. Now the readings have to show it.")
    healed = clock.monotonic()
    _wait(
        clock,
        f"incident i/{found['number']} is still open (something else may hold it up)",
        lambda: desk.is_closed(found["number"]),
    )
    say(f"Closed {clock.monotonic() - healed:.0f} s after the healing:\n")
    say(desk.shown(found["number"]))


def _wait(clock: Clock, otherwise: str, happened: Callable[[], Found | None]) -> Found:
    deadline = clock.monotonic() + DEADLINE_SECONDS
    while not (result := happened()):
        if clock.monotonic() > deadline:
            raise TooLate(f"{otherwise} after {DEADLINE_SECONDS} s")
        clock.sleep(POLL_SECONDS)
    return result
