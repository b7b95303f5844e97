"""The road to the agents: commands go to an agent's reply address through the broker's default exchange.

    route --send()--> queue --one thread that owns the connection--> broker --direct reply-to--> agent

A reply address is always unroutable to the broker's `mandatory` check, so nothing is asked to be returned, and a
confirm only says that the broker has seen the command: whether it arrived shows in the agent's result record.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import pika
from pika.adapters.blocking_connection import BlockingChannel

from helpdesk_api.queue_gauge import QueueGauge, QueueLook
from rabbitmq.commands import COMMAND_TYPE, Command, encode_command
from rabbitmq.connection import BROKER_TROUBLE, BrokerAddress, connection_parameters, open_blocking_connection

QUEUE_LIMIT = 1000
SERVICE_SECONDS = 1.0  # how often an idle connection answers heartbeats
FIRST_RETRY_SECONDS = 1.0
LAST_RETRY_SECONDS = 30.0
_log = logging.getLogger(__name__)


class AmqpCommandSender:
    """Sends on its own thread, reconnects with back-off, forgets a command at its expiry."""

    def __init__(self, address: BrokerAddress, now_seconds: Callable[[], float] = time.time) -> None:
        self._address = address
        self._now_seconds = now_seconds
        self._waiting: queue.Queue[tuple[str, Command]] = queue.Queue(QUEUE_LIMIT)
        self._held: tuple[str, Command] | None = None  # taken from the queue, not yet handed to the broker
        self._stopping = threading.Event()
        self._connected = threading.Event()
        self._gauge = QueueGauge()
        self._thread = threading.Thread(target=self._run, name="command-sender", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop within about a second; what waits is dropped, its senders have been told to look again."""
        self._stopping.set()
        self._thread.join(timeout=15)

    @property
    def connected(self) -> bool:
        return self._connected.is_set()

    @property
    def blocked(self) -> str | None:
        """Why the broker takes no messages now, in its own words; None while it does."""
        return self._gauge.blocked if self.connected else None

    @property
    def queue(self) -> QueueLook | None:
        """What waits for the processor, None while nobody knows."""
        return self._gauge.look

    def send(self, reply_to: str, command: Command) -> None:
        """Queue the command; raises queue.Full when the broker has been away for 1000 commands."""
        self._waiting.put_nowait((reply_to, command))

    def _run(self) -> None:
        retry_seconds = FIRST_RETRY_SECONDS
        told = False
        while not self._stopping.is_set():
            try:
                self._connect_and_serve()
            except BROKER_TROUBLE as error:
                if self._connected.is_set():
                    retry_seconds, told = FIRST_RETRY_SECONDS, False
                if not told:
                    _log.warning("broker %s unreachable (%s), polls wait, retrying", self._address, _words(error))
                    told = True
                self._connected.clear()
                self._stopping.wait(retry_seconds)
                retry_seconds = min(2 * retry_seconds, LAST_RETRY_SECONDS)

    def _connect_and_serve(self) -> None:
        parameters = connection_parameters(self._address, connection_name="healthmon-helpdesk")
        connection = open_blocking_connection(parameters)
        try:
            channel = connection.channel()
            channel.confirm_delivery()
            self._gauge.attach(connection)
            self._connected.set()
            while not self._stopping.is_set():
                self._gauge.serve(connection)
                self._publish_next(connection, channel)
        finally:
            if connection.is_open and self._gauge.blocked is None:  # a broker in alarm would not answer the close
                connection.close()

    def _publish_next(self, connection: pika.BlockingConnection, channel: BlockingChannel) -> None:
        """Each command is handed over once and confirmed alone: an address that makes the broker close the connection
        takes no other command along and does not do it again."""
        if self._gauge.blocked is not None:
            connection.process_data_events(time_limit=SERVICE_SECONDS)
            return
        with suppress(queue.Empty):
            self._held = self._held or self._waiting.get(timeout=SERVICE_SECONDS)
        connection.process_data_events(time_limit=0)  # a connection that has ended shows here, with the command kept
        if self._held is None or self._gauge.blocked is not None:
            return
        (reply_to, command), self._held = self._held, None
        if command.expires_seconds > self._now_seconds():
            channel.basic_publish("", reply_to, encode_command(command), _properties(command))


def _properties(command: Command) -> pika.BasicProperties:
    return pika.BasicProperties(
        message_id=command.command_id,
        timestamp=int(command.issued_seconds),
        type=COMMAND_TYPE,
        content_type="application/json",
        app_id="healthmon-helpdesk",
    )


def _words(error: Exception) -> str:
    """pika wraps the system's error into errors without words."""
    cause = getattr(error.args[0], "exception", error) if error.args else error
    return getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
