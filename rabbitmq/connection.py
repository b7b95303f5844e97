"""How one connects: the only file of this library that knows pika."""

import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pika
from pika.adapters.utils.connection_workflow import AMQPConnectorException
from pika.adapters.utils.selector_ioloop_adapter import SelectorIOServicesAdapter
from pika.exceptions import AMQPError

from rabbitmq.message import Envelope

HEARTBEAT_SECONDS = 7  # a frozen broker shows within 24 s: pika looks each 5 s more than this, for one silent stretch
BLOCKED_TIMEOUT_SECONDS = 300
DEAD_PEER_MS = 15_000
AGENT_ID_PROPERTY = "agent_id"  # among the client properties: whose connection it is, for who hears of its end
REPLY_ADDRESS = "amq.rabbitmq.reply-to"  # RabbitMQ's direct reply-to pseudo queue
PERSISTENT = 2
BROKER_TROUBLE: tuple[type[Exception], ...] = (AMQPError, AMQPConnectorException, OSError)
"""What pika raises when there is no broker, or one that hangs: a handshake that times out is no AMQPError."""


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where the broker is and as whom to log in; the password shows in no representation."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    virtual_host: str = "/"

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def connection_parameters(
    address: BrokerAddress, *, connection_name: str, agent_id: str | None = None
) -> pika.ConnectionParameters:
    """Parameters with every protection switched on that pika leaves off: heartbeat, blocked and dead-peer time-outs.

    Exactly one attempt is made: retries belong to the caller, who backs off and says so. An agent's connection tells
    the broker its id.
    """
    told = {"connection_name": connection_name} | ({AGENT_ID_PROPERTY: agent_id} if agent_id else {})
    return pika.ConnectionParameters(
        host=address.host,
        port=address.port,
        virtual_host=address.virtual_host,
        credentials=pika.PlainCredentials(address.user, address.password, erase_on_connect=False),
        heartbeat=HEARTBEAT_SECONDS,
        blocked_connection_timeout=BLOCKED_TIMEOUT_SECONDS,
        connection_attempts=1,
        socket_timeout=5,
        stack_timeout=10,
        tcp_options={"TCP_USER_TIMEOUT": DEAD_PEER_MS} if hasattr(socket, "TCP_USER_TIMEOUT") else {},
        client_properties=told,
    )


def open_blocking_connection(parameters: pika.ConnectionParameters) -> pika.BlockingConnection:
    """Raises one of BROKER_TROUBLE: of a broker that dies in the moment of connecting pika says ValueError."""
    try:
        return pika.BlockingConnection(parameters)
    except ValueError as error:
        raise ConnectionError(f"the broker went away while it was being connected ({error})") from error


class IoServices(SelectorIOServicesAdapter):  # type: ignore[misc]  # pika has no types
    """pika's services on its own loop, for connections that are made while the loop runs: a broker that dies in the
    moment of connecting is told to the connection, where pika's own would end the loop."""

    def create_streaming_connection(
        self, protocol_factory: Any, sock: socket.socket, on_done: Callable[[Any], None], **options: Any
    ) -> Any:
        try:
            return super().create_streaming_connection(protocol_factory, sock, on_done, **options)
        except ValueError as error:
            gone = ConnectionError(str(error))
            return self.call_later(0, lambda: on_done(gone))


def message_properties(envelope: Envelope, *, reply_to: str | None = None) -> pika.BasicProperties:
    """The envelope's AMQP properties: persistent, with the message id that makes a second copy harmless."""
    return pika.BasicProperties(
        message_id=envelope.message_id,
        timestamp=envelope.timestamp,
        type=envelope.type,
        content_type=envelope.content_type,
        content_encoding=envelope.content_encoding,
        app_id=envelope.app_id,
        headers=dict(envelope.headers),
        delivery_mode=PERSISTENT,
        reply_to=reply_to,
    )
