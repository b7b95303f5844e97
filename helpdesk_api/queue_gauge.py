"""How many messages wait for the processor, asked of the broker on the command sender's connection.

A passive declare needs no permission and works while the processor is away. It counts ready messages alone: those
that the processor has taken and not yet stored are left out.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker

from rabbitmq.topology import QUEUE

PERIOD_SECONDS = 5.0
BELIEVED_SECONDS = 30.0
NOBODY = "healthmon-helpdesk.nobody"  # no queue has this name, so what is sent to it ends in the broker


@dataclass(frozen=True, slots=True)
class QueueLook:
    """`depth` messages are ready to be taken, `consumers` processors take them or stand by."""

    depth: int
    consumers: int


class QueueGauge:
    """Belongs to the connection's thread, but for `look`, which any thread may read."""

    def __init__(self, monotonic_seconds: Callable[[], float] = time.monotonic) -> None:
        self._monotonic_seconds = monotonic_seconds
        self._channel: BlockingChannel | None = None
        self._seen: tuple[float, QueueLook] | None = None
        self._due_seconds = 0.0
        self.blocked: str | None = None

    @property
    def look(self) -> QueueLook | None:
        """What was seen last, None when that is too old to believe."""
        seen = self._seen
        if seen is None or self._monotonic_seconds() - seen[0] > BELIEVED_SECONDS:
            return None
        return seen[1]

    def attach(self, connection: pika.BlockingConnection) -> None:
        """Begin on a new connection."""
        self._channel, self._due_seconds, self.blocked = None, 0.0, None
        connection.add_on_connection_blocked_callback(self._on_blocked)
        connection.add_on_connection_unblocked_callback(self._on_unblocked)

    def serve(self, connection: pika.BlockingConnection) -> None:
        """Look when it is time. A broker in alarm says so only to who publishes, and then answers nothing: so an empty
        message goes out after each look, and while the broker is in alarm there is none."""
        now_seconds = self._monotonic_seconds()
        if self.blocked is not None or now_seconds < self._due_seconds:
            return
        self._due_seconds = now_seconds + PERIOD_SECONDS
        if self._channel is None or not self._channel.is_open:
            self._channel = connection.channel()  # its own: a missing queue closes it
        try:
            found = self._channel.queue_declare(QUEUE, passive=True).method
        except ChannelClosedByBroker:
            self._seen = None
            return
        self._seen = (self._monotonic_seconds(), QueueLook(found.message_count, found.consumer_count))
        self._channel.basic_publish("", NOBODY, b"")

    def _on_blocked(self, _connection: object, frame: Any) -> None:
        self.blocked = str(frame.method.reason) or "it gave no reason"

    def _on_unblocked(self, _connection: object, _frame: object) -> None:
        self.blocked = None
