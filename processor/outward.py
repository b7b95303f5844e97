"""The one road out of the processor: the canary into the exchange, statements of account to the agents.

    canary    --each 10 s, and at once when connected--> exchange -> queue -> consumer -> database
              <--returned where no queue takes it, its channel closed where there is no exchange or no permission
    send()    --newest per address and epoch--> one thread --default exchange, direct reply-to--> agent

It has its own connection: a broker in alarm stops reading from connections that publish, and the consumer's
acknowledgements must not wait behind that. Whatever waits while the broker is away is dropped: the next canary and the
next statement say the same.
"""

import logging
import re
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker, ConnectionClosedByBroker

from processor.silence.road import REFUSED, Way, WayOut
from rabbitmq.connection import BROKER_TROUBLE, BrokerAddress, connection_parameters, open_blocking_connection
from rabbitmq.statement import STATEMENT_TYPE, Statement, encode_statement
from rabbitmq.topology import CANARY_ROUTING_KEY, EXCHANGE

PERIOD_SECONDS = 10.0
TURN_SECONDS = 0.5  # how long a statement or a stop may wait
RETRY_SECONDS = 5.0
MOST_WAITING = 10_000
MOST_BREAKING = 1_000
INTERNAL_ERROR = 541  # how RabbitMQ ends the connection that sent to a malformed reply address
_ADDRESS = re.compile(r"amq\.rabbitmq\.reply-to\.[A-Za-z0-9+/=_-]{1,400}(\.[A-Za-z0-9+/=_-]{1,100})?")
log = logging.getLogger(__name__)

Addressed = tuple[str, Statement]  # the agent's reply address, and what it is told


class Outward:
    """`run` owns the connection until `stop` is set; `send` may be called from any thread and never waits.

    `canary_body` gives what the canary says. It says nothing when the broker is away: a missing canary speaks. Once it
    says what the broker refuses: statements may be refused while canaries pass.
    """

    def __init__(self, address: BrokerAddress, stop: threading.Event, canary_body: Callable[[], bytes]) -> None:
        self._address = address
        self._stop = stop
        self._canary_body = canary_body
        self._lock = threading.Lock()
        self._waiting: dict[tuple[str, int], Statement] = {}
        self._open = False
        self._sending_to: str | None = None
        self._breaking: set[str] = set()
        self._refusal = ""
        self._canary_wanted = threading.Event()
        self._canary_stays = False  # whether one is on its way and did not come back
        self._nowhere_why: str | None = None  # of the newest canary that led nowhere; None once one found a queue
        self._way_out = WayOut(Way.AWAY, _now_ms())

    def way_out(self) -> WayOut:
        """How the way into the exchange is now. From any thread."""
        return self._way_out

    def prove_flow(self) -> None:
        """Send a canary soon: somebody wants to know whether all that was published before now is read. From any
        thread."""
        self._canary_wanted.set()

    def send(self, statements: Iterable[Addressed]) -> None:
        """Send soon, or never where the address is no reply address, the broker is away or too many wait."""
        with self._lock:
            for reply_to, statement in statements:
                key = (reply_to, statement.epoch)
                full = len(self._waiting) >= MOST_WAITING and key not in self._waiting
                if self._open and not full and self._is_usable(reply_to):
                    self._waiting[key] = statement

    def run(self) -> None:
        while not self._stop.is_set():
            self._sending_to = None
            try:
                self._serve()
            except ConnectionClosedByBroker as closed:
                if closed.reply_code == INTERNAL_ERROR and self._sending_to is not None:
                    self._avoid(self._sending_to)
                else:
                    self._stop.wait(RETRY_SECONDS)
            except ChannelClosedByBroker as refused:
                self._tell(refused.reply_text)
                self._stop.wait(RETRY_SECONDS)
            except BROKER_TROUBLE:
                self._stop.wait(RETRY_SECONDS)

    def _tell(self, refusal: str) -> None:
        if refusal != self._refusal:
            log.error("RabbitMQ refuses statements to agents: %s. To mend it: python -m rabbitmq setup", refusal)
        self._refusal = refusal

    def _connect(self) -> pika.BlockingConnection:
        own = connection_parameters(self._address, connection_name="healthmon-processor outward")
        try:
            return open_blocking_connection(own)
        except BROKER_TROUBLE:
            self._go(WayOut(Way.AWAY, _now_ms()))
            raise

    def _serve(self) -> None:
        connection = self._connect()
        connection.add_on_connection_blocked_callback(lambda _, frame: self._set_blocked(frame.method.reason))
        connection.add_on_connection_unblocked_callback(lambda *_: self._set_connected())
        try:
            canary, statements = self._canary_channel(connection), connection.channel()
            statements.confirm_delivery()  # each is confirmed alone, which names the address that breaks a connection
            self._set_connected()
            next_at = time.monotonic()
            while not self._stop.is_set():
                is_wanted = self._way_out.way is Way.OPEN and self._canary_wanted.is_set()
                if time.monotonic() >= next_at or is_wanted:
                    self._send_canary(canary)
                    is_nowhere = self._way_out.way is Way.NOWHERE
                    next_at = time.monotonic() + (RETRY_SECONDS if is_nowhere else PERIOD_SECONDS)
                self._publish_waiting(statements)
                connection.process_data_events(time_limit=TURN_SECONDS)
                if canary.is_closed:
                    self._set_nowhere(REFUSED)
                    canary = self._canary_channel(connection)
        finally:
            was_open = self._open
            self._set_unconnected()
            if connection.is_open and was_open:  # a broker in alarm would not answer the close
                connection.close()

    def _canary_channel(self, connection: pika.BlockingConnection) -> BlockingChannel:
        channel = connection.channel()
        channel.add_on_return_callback(lambda *_: self._set_nowhere(""))
        return channel

    def _send_canary(self, channel: BlockingChannel) -> None:
        """One that neither came back nor was refused by the next one has found a queue."""
        if self._way_out.way is Way.NOWHERE and self._canary_stays:
            self._nowhere_why = None
            self._set_connected()
        self._canary_wanted.clear()
        with suppress(ChannelClosedByBroker):  # seen by whoever looks at the channel
            channel.basic_publish(EXCHANGE, CANARY_ROUTING_KEY, self._canary_body(), mandatory=True)
        self._canary_stays = True

    def _publish_waiting(self, channel: BlockingChannel) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        for (reply_to, _), statement in waiting.items():
            if self._stop.is_set() or not self._open:
                return
            self._sending_to = reply_to
            channel.basic_publish("", reply_to, encode_statement(statement), _properties())
            self._sending_to = None

    def _set_connected(self) -> None:
        """A way that led nowhere does so until a canary finds a queue, over all connections."""
        if self._nowhere_why is None:
            self._go(WayOut(Way.OPEN, _now_ms()))
            self.prove_flow()
        else:
            self._go(WayOut(Way.NOWHERE, _now_ms(), self._nowhere_why))

    def _set_unconnected(self) -> None:
        """A way that led nowhere still does, unless the next connection fails."""
        if self._nowhere_why is None:
            self._go(WayOut(Way.AWAY, _now_ms()))
        else:
            self._go(WayOut(Way.NOWHERE, _now_ms(), self._nowhere_why), is_open=False)

    def _set_nowhere(self, why: str) -> None:
        self._nowhere_why = why
        self._go(WayOut(Way.NOWHERE, _now_ms(), why))

    def _set_blocked(self, reason: str) -> None:
        self._go(WayOut(Way.BLOCKED, _now_ms(), reason))

    def _go(self, way_out: WayOut, *, is_open: bool = True) -> None:
        """What is under way proves nothing of the way that is taken now."""
        self._canary_stays = False
        with self._lock:
            if way_out.way is not self._way_out.way:
                self._way_out = way_out
            self._open = is_open and way_out.way in (Way.OPEN, Way.NOWHERE)
            self._waiting.clear()

    def _is_usable(self, reply_to: str) -> bool:
        return reply_to not in self._breaking and _ADDRESS.fullmatch(reply_to) is not None

    def _avoid(self, reply_to: str) -> None:
        log.warning("the broker takes no message to the reply address %s: nothing is sent there any more", reply_to)
        with self._lock:
            if len(self._breaking) >= MOST_BREAKING:
                self._breaking.clear()
            self._breaking.add(reply_to)


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def _properties() -> pika.BasicProperties:
    return pika.BasicProperties(type=STATEMENT_TYPE, content_type="application/json", app_id="healthmon-processor")
