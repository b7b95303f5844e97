"""Which messages the broker has not answered yet, and what its answers mean. Pure: no driver, no clock of its own.

Each record is waiting (nobody's business here), in flight (here) or confirmed (told once, by `acked`).

A broker in alarm takes a new connection and leaves what comes over it unread, so that messages grow old between the
programs, where neither sees it. So until a channel has brought one answer, one message at a time is in flight.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

MAX_IN_FLIGHT = 32
CONFIRM_TIMEOUT_SECONDS = 60.0

Refusal = Literal["closed", "blocked", "pausing", "full"]


@dataclass(frozen=True, slots=True)
class Message:
    """A message as sent: its id and the positions in the spool of the records in it."""

    message_id: str
    positions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of some messages: these records are confirmed, those must be sent again, for this reason."""

    confirmed: tuple[int, ...] = ()
    again: tuple[int, ...] = ()
    reason: Literal["", "rejected", "unroutable"] = ""


class Window:
    """The messages in flight on one channel after another. All times are seconds of one monotonic clock."""

    def __init__(
        self, *, capacity: int = MAX_IN_FLIGHT, confirm_timeout_seconds: float = CONFIRM_TIMEOUT_SECONDS
    ) -> None:
        self._capacity = capacity
        self._confirm_timeout_seconds = confirm_timeout_seconds
        self._in_flight: dict[int, Message] = {}
        self._returned: set[str] = set()
        self._open = False
        self._has_answered = False
        self._blocked = False
        self._paused_until = float("-inf")
        self._silent_since = 0.0

    def refusal(self, now: float) -> Refusal | None:
        """Why nothing may be published now, or None when something may."""
        if not self._open:
            return "closed"
        if self._blocked:
            return "blocked"
        if now < self._paused_until:
            return "pausing"
        return "full" if len(self._in_flight) >= (self._capacity if self._has_answered else 1) else None

    @property
    def has_answered(self) -> bool:
        """Whether the channel has brought an answer, so that the broker reads what is sent."""
        return self._has_answered

    @property
    def in_flight_positions(self) -> frozenset[int]:
        return frozenset(_positions(self._in_flight.values()))

    def opened(self) -> None:
        """A new channel counts its delivery tags from 1 again."""
        self._open, self._has_answered = True, False

    def published(self, delivery_tag: int, message: Message, now: float) -> None:
        if not self._in_flight:
            self._silent_since = now
        self._in_flight[delivery_tag] = message

    def returned(self, message_id: str) -> None:
        """No queue took this message; the broker acknowledges it nevertheless, right after."""
        if any(message.message_id == message_id for message in self._in_flight.values()):
            self._returned.add(message_id)

    def acked(self, delivery_tag: int, multiple: bool, now: float) -> Answer:
        """The broker has these messages, except those it returned."""
        answered = self._answered(delivery_tag, multiple, now)
        vetoed = [message for message in answered if message.message_id in self._returned]
        self._returned.difference_update(message.message_id for message in vetoed)
        kept = [message for message in answered if message not in vetoed]
        return Answer(_positions(kept), _positions(vetoed), "unroutable" if vetoed else "")

    def nacked(self, delivery_tag: int, multiple: bool, now: float) -> Answer:
        """The broker did not take these messages: its queue is at the limit, or in trouble."""
        refused = self._answered(delivery_tag, multiple, now)
        self._returned.difference_update(message.message_id for message in refused)
        return Answer(again=_positions(refused), reason="rejected" if refused else "")

    def paused(self, until_seconds: float) -> None:
        self._paused_until = until_seconds

    def blocked(self) -> None:
        self._blocked = True

    def unblocked(self, now: float) -> None:
        self._blocked = False
        self._silent_since = now

    def stalled(self, now: float) -> bool:
        """No answer for so long that the connection must be closed and made anew."""
        silent_seconds = now - self._silent_since
        return bool(self._in_flight) and not self._blocked and silent_seconds >= self._confirm_timeout_seconds

    def closed(self) -> tuple[int, ...]:
        """The channel is gone: what was in flight must be sent again."""
        again = _positions(self._in_flight.values())
        self._in_flight.clear()
        self._returned.clear()
        self._open = self._blocked = False
        return again

    def _answered(self, delivery_tag: int, multiple: bool, now: float) -> list[Message]:
        self._silent_since, self._has_answered = now, True
        if not multiple:
            message = self._in_flight.pop(delivery_tag, None)
            return [message] if message else []
        tags = [tag for tag in self._in_flight if tag <= delivery_tag or delivery_tag == 0]
        return [self._in_flight.pop(tag) for tag in tags]


def _positions(messages: Iterable[Message]) -> tuple[int, ...]:
    return tuple(position for message in messages for position in message.positions)
