"""Who connects to the broker and whose connection ends, as RabbitMQ's event exchange tells it within milliseconds.

    amq.rabbitmq.event --connection.created, connection.closed--> a queue of this process --> `drain`

It has its own connection: neither may events wait behind a batch that is being kept, nor a refusal end the consumer's
channel. The exchange is there with the plugin rabbitmq_event_exchange, in the broker's first virtual host; without it,
or without the right to it, verdicts come from timing and the probe alone.
"""

import logging
import re
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Any

from pika.exceptions import ChannelClosedByBroker

from rabbitmq.connection import (
    AGENT_ID_PROPERTY,
    BROKER_TROUBLE,
    BrokerAddress,
    connection_parameters,
    open_blocking_connection,
)
from rabbitmq.topology import EVENT_EXCHANGE, EVENT_QUEUE_PREFIX

CREATED, CLOSED = "connection.created", "connection.closed"
AGENT_NAME_PREFIX = "healthmon-agent/"  # of connection names, which agents of earlier versions give alone
MOST_IN_QUEUE = 10_000
MOST_WAITING = 20_000
TURN_SECONDS = 0.5
FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 0.5, 5.0
REFUSED_RETRY_SECONDS = 60.0
_AGENT_ID = re.compile(rf'<<"{AGENT_ID_PROPERTY}">>,longstr,<<"([a-z0-9-]{{1,64}})">>')
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionEvent:
    """An agent's connection, by the broker's name of it, was opened or closed. One of `agent_id` and `agent_name` says
    whose it is, the other is empty. `at_ms` is this process' monotonic clock."""

    is_open: bool
    connection: str
    agent_id: str
    agent_name: str
    peer_host: str | None
    at_ms: int


def read_event(routing_key: str, headers: Mapping[str, Any], at_ms: int) -> ConnectionEvent | None:
    """None for what is no connection of an agent."""
    name = str(headers.get("user_provided_name", ""))
    if routing_key not in (CREATED, CLOSED) or not name.startswith(AGENT_NAME_PREFIX):
        return None
    agent_id = _agent_id(headers.get("client_properties"))
    return ConnectionEvent(
        is_open=routing_key == CREATED,
        connection=str(headers.get("pid", ""))[:200],
        agent_id=agent_id,
        agent_name="" if agent_id else name.removeprefix(AGENT_NAME_PREFIX)[:255],
        peer_host=_peer_host(str(headers.get("name", ""))),
        at_ms=at_ms,
    )


def _agent_id(properties: object) -> str:
    """RabbitMQ 3.10 prints each property as an Erlang term; a table would give it as it is."""
    if isinstance(properties, Mapping):
        return str(properties.get(AGENT_ID_PROPERTY, ""))[:64]
    for printed in properties if isinstance(properties, list) else ():
        found = _AGENT_ID.search(str(printed))
        if found:
            return found[1]
    return ""


def _peer_host(connection_name: str) -> str | None:
    """From "10.0.0.7:47360 -> 10.0.0.1:5672"; None when the broker looks names up."""
    host = connection_name.partition(" -> ")[0].rpartition(":")[0].strip("[]")
    try:
        address = ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


class BrokerEvents:
    """`run` listens until `stop` is set. `on_closed` is called on its thread when a connection of an agent ends."""

    def __init__(
        self,
        address: BrokerAddress,
        stop: threading.Event,
        on_closed: Callable[[], None],
        clock_ms: Callable[[], int] = lambda: time.monotonic_ns() // 1_000_000,
    ) -> None:
        self._address = address
        self._stop = stop
        self._on_closed = on_closed
        self._clock_ms = clock_ms
        self._heard: deque[ConnectionEvent | None] = deque(maxlen=MOST_WAITING)
        self._refusal = ""
        self._retry_seconds = FIRST_RETRY_SECONDS

    def drain(self) -> Sequence[ConnectionEvent | None]:
        """What was heard since the last call, in its order; None where some was missed: all before it is in doubt."""
        return [self._heard.popleft() for _ in range(len(self._heard))]

    def run(self) -> None:
        while not self._stop.is_set():
            retry_seconds = self._retry_seconds
            try:
                self._listen()
            except ChannelClosedByBroker as refused:
                self._tell(refused.reply_text)
                retry_seconds = REFUSED_RETRY_SECONDS
            except BROKER_TROUBLE:  # the consumer says it
                self._retry_seconds = min(2 * retry_seconds, LONGEST_RETRY_SECONDS)
            self._heard.append(None)
            self._stop.wait(retry_seconds)

    def _listen(self) -> None:
        parameters = connection_parameters(self._address, connection_name="healthmon-processor events")
        with open_blocking_connection(parameters) as connection:
            channel = connection.channel()
            name = EVENT_QUEUE_PREFIX + secrets.token_hex(8)
            channel.queue_declare(name, exclusive=True, auto_delete=True, arguments={"x-max-length": MOST_IN_QUEUE})
            for routing_key in (CREATED, CLOSED):
                channel.queue_bind(name, EVENT_EXCHANGE, routing_key)
            channel.basic_consume(name, self._take, auto_ack=True)
            self._refusal, self._retry_seconds = "", FIRST_RETRY_SECONDS
            while not self._stop.is_set():
                connection.process_data_events(time_limit=TURN_SECONDS)

    def _take(self, _channel: Any, method: Any, properties: Any, _body: bytes) -> None:
        event = read_event(method.routing_key, properties.headers or {}, self._clock_ms())
        if event is not None:
            self._heard.append(event)
            if not event.is_open:
                self._on_closed()

    def _tell(self, refusal: str) -> None:
        if refusal != self._refusal:
            log.warning(
                "RabbitMQ does not tell who connects: %s. Silence is judged without it, a killed agent is noticed "
                "later. To mend it: rabbitmq-plugins enable rabbitmq_event_exchange, then python -m rabbitmq setup",
                refusal,
            )
        self._refusal = refusal
