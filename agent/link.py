"""One connection and one channel to the broker, made again for ever. Everything here runs on the I/O loop's thread.

open -> connected -> channel -> confirms on -> reply address -> link_up
  ^                                                               |
  +---- wait (full jitter) <---- link_down <---- any trouble <----+
"""

import time
from collections.abc import Callable
from typing import Any, Protocol

from pika.adapters.select_connection import IOLoop

from agent.backoff import Backoff
from agent.broker_trouble import Trouble, explain
from agent.connection import Connection
from rabbitmq.connection import REPLY_ADDRESS, BrokerAddress, IoServices, connection_parameters, message_properties
from rabbitmq.message import Envelope
from rabbitmq.topology import EXCHANGE

HEALTHY_SECONDS = 60.0


class LinkListener(Protocol):
    """What a link tells its owner."""

    def link_up(self) -> None: ...
    def link_down(self, trouble: Trouble, retry_seconds: float) -> None: ...
    def acked(self, delivery_tag: int, multiple: bool) -> None: ...
    def nacked(self, delivery_tag: int, multiple: bool) -> None: ...
    def returned(self, message_id: str) -> None: ...
    def blocked(self) -> None: ...
    def unblocked(self) -> None: ...
    def received(self, body: bytes, kind: str) -> None:
        """Something came to the reply address; `kind` is its AMQP type, empty when the sender gave none."""

    def link_closed(self) -> None:
        """The last word after `close`: no connection is left, nor one in the making."""


class Link:
    """Keeps a confirming channel open; `listener` hears of it, and of the broker's answers."""

    def __init__(
        self,
        loop: IOLoop,
        broker: BrokerAddress,
        listener: LinkListener,
        *,
        connection_name: str,
        agent_id: str | None = None,
        backoff: Backoff,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._loop = loop
        self._broker = broker
        self._parameters = connection_parameters(broker, connection_name=connection_name, agent_id=agent_id)
        self._listener = listener
        self._backoff = backoff
        self._clock = clock
        self._up_since_seconds = clock()
        self._retry: Any = None
        self._connection: Any = None
        self._channel: Any = None
        self._trouble: Trouble | None = None
        self._next_tag = 1
        self._closing = False

    def open(self) -> None:
        self._retry = self._trouble = None
        self._connection = Connection(
            self._parameters,
            on_open_callback=self._connection_open,
            on_open_error_callback=self._connection_gone,
            on_close_callback=self._connection_gone,
            custom_ioloop=IoServices(self._loop),
        )

    @property
    def can_publish(self) -> bool:
        """False from the moment the channel goes, which is before `link_down` tells of it."""
        return self._channel is not None and self._channel.is_open

    def publish(self, envelope: Envelope) -> int:
        """Send a message that must reach a queue; returns its delivery tag. Only between link_up and link_down."""
        self._channel.basic_publish(
            EXCHANGE,
            envelope.routing_key,
            envelope.body,
            message_properties(envelope, reply_to=REPLY_ADDRESS),
            mandatory=True,
        )
        tag = self._next_tag
        self._next_tag += 1
        return tag

    def close(self) -> None:
        """Close for good, at whatever point of connecting; `link_closed` tells when it is done."""
        self._closing = True
        if self._retry is not None:
            self._loop.remove_timeout(self._retry)
        if self._connection is None or self._connection.is_closed:
            self._listener.link_closed()
        else:
            self._end_connection()

    def renew(self, trouble: Trouble) -> None:
        """Give this connection up, also a half-made one, and make another."""
        self._trouble = self._trouble or trouble
        self._end_connection()

    def confirmed(self) -> None:
        """The broker has confirmed something. A link that also lasted lets the next trouble start with short waits:
        one that breaks again and again must not keep a broker busy with log-ins."""
        if self._clock() - self._up_since_seconds >= HEALTHY_SECONDS:
            self._backoff.reset()

    def _end_connection(self) -> None:
        if not self._connection.is_closing and not self._connection.is_closed:
            self._connection.close()

    def _connection_open(self, connection: Any) -> None:
        connection.add_on_connection_blocked_callback(lambda _connection, _frame: self._listener.blocked())
        connection.add_on_connection_unblocked_callback(lambda _connection, _frame: self._listener.unblocked())
        connection.channel(on_open_callback=self._channel_open)

    def _channel_open(self, channel: Any) -> None:
        self._channel = channel
        self._next_tag = 1
        channel.add_on_close_callback(self._channel_gone)
        channel.add_on_return_callback(self._message_returned)
        channel.confirm_delivery(self._confirm, callback=self._confirms_on)

    def _confirms_on(self, _frame: Any) -> None:
        self._channel.basic_consume(REPLY_ADDRESS, self._received, auto_ack=True, callback=self._reply_address_there)

    def _reply_address_there(self, _frame: Any) -> None:
        self._up_since_seconds = self._clock()
        self._listener.link_up()

    def _confirm(self, frame: Any) -> None:
        answer = frame.method
        if answer.NAME == "Basic.Ack":
            self._listener.acked(answer.delivery_tag, answer.multiple)
        else:
            self._listener.nacked(answer.delivery_tag, answer.multiple)

    def _message_returned(self, _channel: Any, _method: Any, properties: Any, _body: bytes) -> None:
        self._listener.returned(properties.message_id or "")

    def _received(self, _channel: Any, _method: Any, properties: Any, body: bytes) -> None:
        self._listener.received(body, properties.type or "")

    def _channel_gone(self, _channel: Any, error: BaseException) -> None:
        self.renew(explain(error, self._broker))

    def _connection_gone(self, _connection: Any, error: BaseException) -> None:
        if self._closing:
            self._listener.link_closed()
            return
        retry_seconds = self._backoff.next_seconds()
        self._listener.link_down(self._trouble or explain(error, self._broker), retry_seconds)
        self._retry = self._loop.call_later(retry_seconds, self.open)
