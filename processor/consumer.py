"""Deliveries from the broker in batches; each is kept, then acknowledged with one frame.

    broker --deliver--> buffer --500, 4 MiB or 0.1 s--> keep (one transaction) --commit--> basic.ack(multiple)

One thread owns connection and channel. A message is acknowledged only after its commit: killed before it, the broker
delivers again; killed between commit and acknowledgement, the copy finds its key taken. Nothing is ever nacked:
requeueing while the database is away would spin and, on newer brokers, count towards a limit.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError

from processor.delivery import Delivery
from rabbitmq.connection import BrokerAddress, connection_parameters
from rabbitmq.topology import QUEUE
from store.engine import StoreUnavailable
from store.fence import Fenced

log = logging.getLogger(__name__)

PREFETCH = 500
BATCH_MESSAGES = 500
BATCH_BYTES = 4 * 1024 * 1024  # what a batch may grow to in memory
INFLATES = 8  # times, by which deflated backlogs grow
GATHER_SECONDS = 0.1
IDLE_SECONDS = 0.5  # how long a stop may go unnoticed
KEEP_TRYING_SECONDS = 60.0  # then the channel is closed and the database awaited without holding messages
LONGEST_BACK_OFF_SECONDS = 30.0


class BatchKeeper(Protocol):
    """Where batches go; `release` is called when another consumer may have been active since."""

    def keep(self, deliveries: Sequence[Delivery]) -> None: ...

    def release(self) -> None: ...

    def wait_for_store(self, stop: threading.Event) -> None: ...


class Consumer:
    """Runs until `stop` is set. `between_batches` is called after each batch and each idle wait, for timed work."""

    def __init__(
        self,
        address: BrokerAddress,
        keeper: BatchKeeper,
        stop: threading.Event,
        between_batches: Callable[[], None],
    ) -> None:
        self._address = address
        self._keeper = keeper
        self._stop = stop
        self._between_batches = between_batches
        self._buffer: list[Delivery] = []
        self._buffer_bytes = 0
        self._trouble = ""
        self._failures = 0

    def run(self) -> None:
        """Consume for ever: whatever breaks, say it once, back off with jitter, begin again."""
        while not self._stop.is_set():
            self._failures += 1
            try:
                self._consume()
            except (AMQPError, OSError) as error:
                self._tell(f"cannot reach RabbitMQ at {self._address}: {_reason(error)}")
            except Fenced:
                self._tell("another processor has taken over")
            except StoreUnavailable as error:
                self._tell(f"the database is away: {error}")
                self._keeper.wait_for_store(self._stop)
            longest_seconds = min(LONGEST_BACK_OFF_SECONDS, 0.5 * 2 ** min(self._failures, 10))
            self._stop.wait(random.uniform(0, longest_seconds))  # noqa: S311 jitter

    def _tell(self, trouble: str) -> None:
        if trouble != self._trouble:
            log.warning("%s. Nothing is lost, messages wait in the broker. Trying again by itself", trouble)
        self._trouble = trouble

    def _consume(self) -> None:
        connection = pika.BlockingConnection(
            connection_parameters(self._address, connection_name="healthmon-processor")
        )
        try:
            self._keeper.release()
            self._buffer, self._buffer_bytes = [], 0
            channel = connection.channel()
            channel.basic_qos(prefetch_count=PREFETCH)
            channel.basic_consume(QUEUE, self._take)
            if not self._trouble.startswith("the database"):
                log.info("connected to RabbitMQ at %s", self._address)
            while not self._stop.is_set():
                self._gather(connection)
                if self._buffer:
                    self._settle(connection, channel)
                self._between_batches()
        finally:
            if connection.is_open:
                connection.close()

    def _take(self, _channel: BlockingChannel, method: Any, properties: Any, body: bytes) -> None:
        delivery = Delivery(
            tag=method.delivery_tag,
            routing_key=method.routing_key,
            body=body,
            message_id=properties.message_id,
            content_encoding=properties.content_encoding,
            reply_to=properties.reply_to,
            headers={str(name): str(value)[:256] for name, value in (properties.headers or {}).items()},
        )
        self._buffer.append(delivery)
        self._buffer_bytes += _memory_bytes(delivery)

    def _gather(self, connection: pika.BlockingConnection) -> None:
        """Wait for a first message, then for more until the batch is large or old enough."""
        connection.process_data_events(time_limit=0 if self._buffer else IDLE_SECONDS)
        closes_at = time.monotonic() + GATHER_SECONDS
        while 0 < len(self._buffer) < BATCH_MESSAGES and self._buffer_bytes < BATCH_BYTES:
            remaining_seconds = closes_at - time.monotonic()
            if remaining_seconds <= 0:
                break
            connection.process_data_events(time_limit=remaining_seconds)

    def _settle(self, connection: pika.BlockingConnection, channel: BlockingChannel) -> None:
        """Keep the batch, retrying while the database is away, then acknowledge it.

        While retrying, heartbeats are served; the prefetch bounds what piles up meanwhile.
        """
        batch = self._next_batch()
        gives_up_at = time.monotonic() + KEEP_TRYING_SECONDS
        delay_seconds = 0.2
        while True:
            try:
                self._keeper.keep(batch)
                break
            except StoreUnavailable as error:
                if time.monotonic() >= gives_up_at or self._stop.is_set():
                    raise
                self._tell(f"the database is away: {error}")
                connection.sleep(delay_seconds)
                delay_seconds = min(delay_seconds * 2, 5.0)
        channel.basic_ack(batch[-1].tag, multiple=True)
        del self._buffer[: len(batch)]
        self._buffer_bytes -= sum(_memory_bytes(delivery) for delivery in batch)
        if self._trouble:
            log.info("records are stored again")
        self._trouble, self._failures = "", 0

    def _next_batch(self) -> list[Delivery]:
        """The oldest deliveries that fit into one transaction, by count and by what they may inflate to."""
        size_bytes = 0
        for count, delivery in enumerate(self._buffer[:BATCH_MESSAGES]):
            size_bytes += _memory_bytes(delivery)
            if size_bytes > BATCH_BYTES and count:
                return self._buffer[:count]
        return self._buffer[:BATCH_MESSAGES]


def _memory_bytes(delivery: Delivery) -> int:
    return len(delivery.body) * (INFLATES if delivery.content_encoding else 1)


def _reason(error: Exception) -> str:
    """pika wraps what happened; an exception without words has at least its name."""
    return str(error) or repr(error.args[0] if error.args else error)
