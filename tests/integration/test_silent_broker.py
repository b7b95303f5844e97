"""A broker that takes connections and says nothing, as a frozen one does: its users go on trying."""

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pika
import pytest

from helpdesk_api import command_sender
from helpdesk_api.command_sender import AmqpCommandSender
from processor import consumer
from processor.consumer import Consumer
from processor.delivery import Delivery
from rabbitmq.connection import BrokerAddress, connection_parameters
from tests.waiting import wait_for


class Nowhere:
    """A keeper that never gets anything."""

    def keep(self, deliveries: Sequence[Delivery]) -> None:
        raise AssertionError(deliveries)

    def keep_suspect(self, delivery: Delivery) -> None:
        raise AssertionError(delivery)

    def release(self) -> None: ...

    def wait_for_store(self, stop: threading.Event) -> None: ...


class SilentBroker:
    """Counts who comes."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self.address = BrokerAddress("127.0.0.1", listener.getsockname()[1], "guest", "guest")
        self.guests: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                self.guests.append(self._listener.accept()[0])
            except OSError:
                return

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for guest in self.guests:
            guest.close()


@contextmanager
def silent_broker() -> Iterator[SilentBroker]:
    broker = SilentBroker(socket.create_server(("127.0.0.1", 0)))
    try:
        yield broker
    finally:
        broker.close()


def impatient(address: BrokerAddress, *, connection_name: str) -> pika.ConnectionParameters:
    parameters = connection_parameters(address, connection_name=connection_name)
    parameters.stack_timeout = 0.3
    return parameters


def test_the_processor_goes_on_trying(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer, "connection_parameters", impatient)
    stop = threading.Event()
    with silent_broker() as broker:
        thread = threading.Thread(target=Consumer(broker.address, Nowhere(), stop, lambda: None).run)
        thread.start()
        try:
            wait_for(lambda: len(broker.guests) >= 2, "the processor tries again")
        finally:
            stop.set()
            thread.join()


def test_the_help_desk_goes_on_trying(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_sender, "connection_parameters", impatient)
    with silent_broker() as broker:
        sender = AmqpCommandSender(broker.address)
        sender.start()
        try:
            wait_for(lambda: len(broker.guests) >= 2, "the help desk tries again")
        finally:
            sender.stop()
