"""Deliveries from the broker in batches; each is kept, then acknowledged with one frame.

    broker --deliver--> buffer --500 or 0.1 s--> keep (one transaction) --commit--> basic.ack(multiple)

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

PREFETCH = 1_000
BATCH_MESSAGES = 500
GATHER_SECONDS = 0.1
IDLE_SECONDS = 0.5  # how long a stop may go unnoticed
KEEP_TRYING_SECONDS = 60.0  # then the channel is closed and the database awaited without holding messages
LONGEST_BACK_OFF_SECONDS = 30.0


class BatchKeeper(Protocol):
    """Where batches go; `release` is called when another consumer may have been active since."""

    def keep(self, deliveries: Sequence[Delivery]) -> None: ...

    def release(self) -> None: ...


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

    def run(self) -> None:
        """Consume for ever: whatever breaks, say it once, back off with jitter, begin again."""
        failures = 0
        trouble = ""
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                self._consume()
            except (AMQPError, OSError) as error:
                said = f"cannot reach RabbitMQ at {self._address}: {_reason(error)}"
            except Fenced:
                said = "another processor has taken over"
            except StoreUnavailable as error:
                said = f"the database is away: {error}"
            else:
                continue
            failures = 1 if time.monotonic() - began > LONGEST_BACK_OFF_SECONDS else failures + 1
            if said != trouble:
                log.warning("%s. Nothing is lost, messages wait in the broker. Trying again by itself", said)
            trouble = said
            self._stop.wait(random.uniform(0, min(LONGEST_BACK_OFF_SECONDS, 0.5 * 2 ** min(failures, 10))))  # noqa: S311 jitter

    def _consume(self) -> None:
        connection = pika.BlockingConnection(
            connection_parameters(self._address, connection_name="healthmon-processor")
        )
        try:
            self._keeper.release()
            self._buffer = []
            channel = connection.channel()
            channel.basic_qos(prefetch_count=PREFETCH)
            channel.basic_consume(QUEUE, self._take)
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
        self._buffer.append(
            Delivery(
                tag=method.delivery_tag,
                routing_key=method.routing_key,
                body=body,
                message_id=properties.message_id,
                content_encoding=properties.content_encoding,
                reply_to=properties.reply_to,
                headers={str(name): str(value)[:256] for name, value in (properties.headers or {}).items()},
            )
        )

    def _gather(self, connection: pika.BlockingConnection) -> None:
        """Wait for a first message, then for more until the batch is large or old enough."""
        connection.process_data_events(time_limit=0 if self._buffer else IDLE_SECONDS)
        closes_at = time.monotonic() + GATHER_SECONDS
        while self._buffer and len(self._buffer) < BATCH_MESSAGES:
            remaining_seconds = closes_at - time.monotonic()
            if remaining_seconds <= 0:
                break
            connection.process_data_events(time_limit=remaining_seconds)

    def _settle(self, connection: pika.BlockingConnection, channel: BlockingChannel) -> None:
        """Keep the batch, retrying while the database is away, then acknowledge it.

        While retrying, heartbeats are served; the prefetch bounds what piles up meanwhile.
        """
        batch = self._buffer[:BATCH_MESSAGES]
        gives_up_at = time.monotonic() + KEEP_TRYING_SECONDS
        delay_seconds = 0.2
        while True:
            try:
                self._keeper.keep(batch)
                break
            except StoreUnavailable as error:
                if time.monotonic() >= gives_up_at or self._stop.is_set():
                    raise
                if delay_seconds == 0.2:
                    log.warning("the database is away: %s. The batch is kept and tried again", error)
                connection.sleep(delay_seconds)
                delay_seconds = min(delay_seconds * 2, 5.0)
        channel.basic_ack(batch[-1].tag, multiple=True)
        del self._buffer[: len(batch)]


def _reason(error: Exception) -> str:
    """pika wraps what happened; an exception without words has at least its name."""
    return str(error) or repr(error.args[0] if error.args else error)
