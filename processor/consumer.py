"""Deliveries from the broker in batches; each is kept, then acknowledged with one frame.

    broker --deliver--> buffer --100, 2 MiB or 0.1 s--> keep (one transaction) --commit--> basic.ack(multiple)
                          |                              on the worker's thread
                          +-- one that came back twice ---> all again, one at a time, each noted as a suspect first

One thread owns connection and channel and serves its heartbeats, however long the database takes. A message is
acknowledged only after its commit: killed before it, the broker delivers again; killed between commit and
acknowledgement, the copy finds its key taken. Nothing is ever nacked: requeueing while the database is away would spin
and, on newer brokers, count towards a limit.
"""

import logging
import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Protocol

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError, ChannelWrongStateError, ConsumerCancelled

from processor.delivery import Delivery
from processor.queue_check import NoQueue, require_queue
from processor.received import read_properties_of_any_message, received
from processor.worker import Job, Worker
from rabbitmq.connection import BROKER_TROUBLE, BrokerAddress, connection_parameters, open_blocking_connection
from rabbitmq.message import inflated_bytes
from rabbitmq.topology import QUEUE
from store.engine import StoreUnavailable
from store.fence import Fenced

TAKEN_OVER = "another processor has taken over"
log = logging.getLogger(__name__)

# What a processor holds at worst: 100 messages of 1 MiB, and the objects of a batch, up to 35 times its 3 MiB of JSON
# (2 MiB and the message that went beyond): with 60 MB for the program less than 300 MB.
PREFETCH = 100
BATCH_BYTES = 2 * 1024 * 1024  # of inflated JSON
GATHER_SECONDS = 0.1
IDLE_SECONDS = 0.5  # how long a stop may go unnoticed
TIMED_WORK_SECONDS = 0.5
SUSPECT_FROM = 2
KEEP_TRYING_SECONDS = 60.0  # then the connection is closed and the database awaited without holding messages
STOP_PATIENCE_SECONDS = 10.0  # what a stop leaves to the batch in hand
LONGEST_BACK_OFF_SECONDS = 30.0


class BatchKeeper(Protocol):
    """Where batches go; `release` is called when another consumer may have been active since."""

    def keep(self, deliveries: Sequence[Delivery]) -> None: ...

    def keep_suspect(self, delivery: Delivery) -> None: ...

    def release(self) -> None: ...

    def wait_for_store(self, stop: threading.Event) -> None: ...


class Consumer:
    """Runs until `stop` is set. `timed_work` is called about twice a second, never while a batch is being kept.

    Raises WrongQueue when the broker's queue is another one than this program was written for.
    """

    def __init__(
        self,
        address: BrokerAddress,
        keeper: BatchKeeper,
        stop: threading.Event,
        timed_work: Job,
        keep_trying_seconds: float = KEEP_TRYING_SECONDS,
    ) -> None:
        self._address = address
        self._keeper = keeper
        self._stop = stop
        self._timed_work = timed_work
        self._keep_trying_seconds = keep_trying_seconds
        self._timed_work_at = 0.0
        self._worker = Worker()
        self._job: Future[None] | None = None
        self._one_at_a_time = False
        self._buffer: list[tuple[Delivery, int]] = []  # with its size in memory
        self._trouble = ""
        self._failures = 0
        read_properties_of_any_message()

    def run(self) -> None:
        """Consume for ever: whatever breaks, say it once, back off with jitter, begin again."""
        while not self._stop.is_set():
            try:
                self._consume()
                continue
            except BROKER_TROUBLE as error:
                self._tell(f"cannot reach RabbitMQ at {self._address}: {_reason(error)}")
            except NoQueue as error:
                self._tell(str(error))
            except Fenced:
                self._tell(TAKEN_OVER)
            except StoreUnavailable as error:
                self._tell(f"the database is away: {error}")
                self._job = self._worker.begin(lambda: self._keeper.wait_for_store(self._stop))
            self._failures += 1
            longest_seconds = min(LONGEST_BACK_OFF_SECONDS, 0.5 * 2 ** min(self._failures, 10))
            self._rest(random.uniform(0, longest_seconds))  # noqa: S311 jitter

    def _rest(self, seconds: float) -> None:
        """Wait; what happens by the clock goes on, unless somebody still waits for the database."""
        ends_at = time.monotonic() + seconds
        while not self._stop.is_set() and (remaining_seconds := ends_at - time.monotonic()) > 0:
            if self._job is None or self._job.done():
                self._heed(self._job)
                self._job = self._worker.begin(self._timed_work)
            self._stop.wait(min(remaining_seconds, TIMED_WORK_SECONDS))

    def _tell(self, trouble: str) -> None:
        if trouble != self._trouble:
            log.warning("%s. Nothing is lost, messages wait in the broker. Trying again by itself", trouble)
        self._trouble = trouble

    def _heed(self, ended: "Future[None] | None") -> None:
        """A job that nobody waited for may have found that this processor is the active one no more."""
        if ended is not None and isinstance(ended.exception(), Fenced):
            self._tell(TAKEN_OVER)

    def _consume(self) -> None:
        """One connection; returns at a stop, or to begin again in the other manner: one at a time, or many."""
        if not self._has_ended(self._job):
            return
        self._heed(self._job)
        self._keeper.release()
        connection = open_blocking_connection(
            connection_parameters(self._address, connection_name="healthmon-processor")
        )
        try:
            channel = self._subscribe(connection)
            if not self._trouble.startswith("the database"):
                log.info("connected to RabbitMQ at %s", self._address)
            while not self._stop.is_set() and self._take_turn(connection, channel):
                if time.monotonic() >= self._timed_work_at:
                    self._insist(connection, self._timed_work)
                    self._timed_work_at = time.monotonic() + TIMED_WORK_SECONDS
        finally:
            if connection.is_open:
                connection.close()

    def _subscribe(self, connection: pika.BlockingConnection) -> BlockingChannel:
        self._buffer = []
        channel = connection.channel()
        require_queue(channel)
        channel.add_on_cancel_callback(_cancelled)
        channel.basic_qos(prefetch_count=1 if self._one_at_a_time else PREFETCH)
        channel.basic_consume(QUEUE, self._take)
        return channel

    def _take(self, _channel: BlockingChannel, method: Any, properties: Any, body: bytes) -> None:
        delivery = received(method, properties, body)
        self._buffer.append((delivery, max(len(body), inflated_bytes(body) if delivery.content_encoding else 0)))

    def _take_turn(self, connection: pika.BlockingConnection, channel: BlockingChannel) -> bool:
        """Wait for deliveries and keep what came; False when the rest wants the other manner."""
        self._gather(connection)
        if channel.is_closed:
            raise ChannelWrongStateError("the broker closed the channel, its log says why")
        if not self._buffer:
            return True
        if self._one_at_a_time:
            delivery = self._buffer[0][0]
            self._settle(connection, channel, [delivery], lambda: self._keeper.keep_suspect(delivery))
            self._one_at_a_time = delivery.came_back >= SUSPECT_FROM
            return self._one_at_a_time
        if any(delivery.came_back >= SUSPECT_FROM for delivery, _ in self._buffer):
            log.warning("messages came back %d times: they are taken one at a time now", SUSPECT_FROM)
            self._one_at_a_time = True
            return False
        batch = self._next_batch()
        self._settle(connection, channel, batch, lambda: self._keeper.keep(batch))
        return True

    def _gather(self, connection: pika.BlockingConnection) -> None:
        """Wait for a first message, then for more until the batch is large or old enough."""
        connection.process_data_events(time_limit=0 if self._buffer else IDLE_SECONDS)
        closes_at = time.monotonic() + GATHER_SECONDS
        full = 1 if self._one_at_a_time else PREFETCH
        while 0 < len(self._buffer) < full and sum(size for _, size in self._buffer) < BATCH_BYTES:
            remaining_seconds = closes_at - time.monotonic()
            if remaining_seconds <= 0:
                break
            connection.process_data_events(time_limit=remaining_seconds)

    def _settle(
        self, connection: pika.BlockingConnection, channel: BlockingChannel, batch: Sequence[Delivery], keep: Job
    ) -> None:
        """Keep the batch, then acknowledge it."""
        self._insist(connection, keep)
        channel.basic_ack(batch[-1].tag, multiple=True)
        del self._buffer[: len(batch)]
        if self._trouble:
            log.info("records are stored again")
        self._trouble, self._failures = "", 0

    def _insist(self, connection: pika.BlockingConnection, job: Job) -> None:
        """Do the job beside, again while the database is away, and serve the connection; the prefetch bounds what
        piles up meanwhile. Raises StoreUnavailable when it takes too long; the job may then still be running."""
        gives_up_at = time.monotonic() + self._keep_trying_seconds
        delay_seconds = 0.2
        while True:
            try:
                self._do_beside(connection, job, gives_up_at)
                return
            except StoreUnavailable as error:
                if time.monotonic() >= gives_up_at or self._stop.is_set():
                    raise
                self._tell(f"the database is away: {error}")
                connection.sleep(delay_seconds)
                delay_seconds = min(delay_seconds * 2, 5.0)

    def _do_beside(self, connection: pika.BlockingConnection, job: Job, gives_up_at: float) -> None:
        self._job = self._worker.begin(job)
        self._job.add_done_callback(lambda _: _wake(connection))
        while not self._job.done():
            connection.process_data_events(time_limit=IDLE_SECONDS)
            now = time.monotonic()
            if self._stop.is_set():
                gives_up_at = min(gives_up_at, now + STOP_PATIENCE_SECONDS)
            if now >= gives_up_at and not self._job.done():
                raise StoreUnavailable("it does not answer")
        self._job.result()

    def _has_ended(self, job: "Future[None] | None") -> bool:
        """Wait for a job without a connection to serve; False when a stop came first."""
        while job is not None and not job.done():
            if self._stop.wait(0.05):
                return False
        return True

    def _next_batch(self) -> list[Delivery]:
        """The oldest deliveries that fit into one transaction; at least one."""
        size_bytes, count = 0, 0
        while count < len(self._buffer) and (size_bytes < BATCH_BYTES):
            size_bytes += self._buffer[count][1]
            count += 1
        return [delivery for delivery, _ in self._buffer[:count]]


def _wake(connection: pika.BlockingConnection) -> None:
    with suppress(AMQPError):  # closed meanwhile
        connection.add_callback_threadsafe(lambda: None)


def _cancelled(_frame: object) -> None:
    raise ConsumerCancelled("the broker cancelled the consumer: the queue has gone or moved")


def _reason(error: Exception) -> str:
    """pika wraps what happened; an exception without words has at least its name."""
    return str(error).rstrip(".") or repr(error.args[0] if error.args else error)
