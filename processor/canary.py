"""A message to ourselves through exchange, binding, queue, consumer and database: what proves that the path is whole.

It has its own connection: a broker in alarm stops reading from connections that publish, and the consumer's
acknowledgements must not wait behind that.
"""

import threading
from collections.abc import Callable

import pika
from pika.exceptions import AMQPError

from rabbitmq.connection import BrokerAddress, connection_parameters
from rabbitmq.topology import CANARY_ROUTING_KEY, EXCHANGE

PERIOD_SECONDS = 10.0


class Canary:
    """Publishes its time each `PERIOD_SECONDS` until `stop` is set. Says nothing: a missing canary is what speaks."""

    def __init__(self, address: BrokerAddress, stop: threading.Event, now_ms: Callable[[], int]) -> None:
        self._address = address
        self._stop = stop
        self._now_ms = now_ms

    def run(self) -> None:
        while not self._stop.is_set():
            try:
                self._publish()
            except (AMQPError, OSError):
                self._stop.wait(PERIOD_SECONDS / 2)

    def _publish(self) -> None:
        connection = pika.BlockingConnection(
            connection_parameters(self._address, connection_name="healthmon-processor canary")
        )
        try:
            channel = connection.channel()
            while not self._stop.is_set():
                channel.basic_publish(EXCHANGE, CANARY_ROUTING_KEY, str(self._now_ms()).encode())
                connection.process_data_events(time_limit=PERIOD_SECONDS)
        finally:
            if connection.is_open:
                connection.close()
