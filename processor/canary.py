"""A message to ourselves through exchange, binding, queue, consumer and database: what proves that the path is whole.

It has its own connection: a broker in alarm stops reading from connections that publish, and the consumer's
acknowledgements must not wait behind that.
"""

import threading
import time
from collections.abc import Callable

import pika
from pika.exceptions import AMQPError

from rabbitmq.connection import BrokerAddress, connection_parameters
from rabbitmq.topology import CANARY_ROUTING_KEY, EXCHANGE

PERIOD_SECONDS = 10.0
STOP_WITHIN_SECONDS = 0.5
RETRY_SECONDS = 5.0


class Canary:
    """Publishes its time each 10 s until `stop` is set. Says nothing: a missing canary is what speaks."""

    def __init__(self, address: BrokerAddress, stop: threading.Event, now_ms: Callable[[], int]) -> None:
        self._address = address
        self._stop = stop
        self._now_ms = now_ms

    def run(self) -> None:
        while not self._stop.is_set():
            try:
                self._publish()
            except (AMQPError, OSError):
                self._stop.wait(RETRY_SECONDS)

    def _publish(self) -> None:
        connection = pika.BlockingConnection(
            connection_parameters(self._address, connection_name="healthmon-processor canary")
        )
        try:
            channel = connection.channel()
            next_at = time.monotonic()
            while not self._stop.is_set():
                if time.monotonic() >= next_at:
                    channel.basic_publish(EXCHANGE, CANARY_ROUTING_KEY, str(self._now_ms()).encode())
                    next_at += PERIOD_SECONDS
                connection.process_data_events(time_limit=STOP_WITHIN_SECONDS)
        finally:
            if connection.is_open:
                connection.close()
