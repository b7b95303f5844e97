"""A broker that dies in the moment of connecting is trouble with the broker, and nothing else."""

import socket
from typing import Any

import pika
import pytest
from pika.adapters.select_connection import IOLoop

from rabbitmq.connection import (
    BROKER_TROUBLE,
    BrokerAddress,
    IoServices,
    connection_parameters,
    open_blocking_connection,
)


def test_a_loop_goes_on_and_the_connection_hears_of_it() -> None:
    loop = IOLoop()
    told: list[Any] = []

    def done(result: Any) -> None:
        told.append(result)
        loop.stop()

    IoServices(loop).create_streaming_connection(lambda: None, socket.socket(), done)  # connected to nobody
    assert told == []
    loop.start()
    loop.close()
    (error,) = told
    assert isinstance(error, BROKER_TROUBLE)


def test_a_blocking_connection_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(_parameters: object) -> None:
        raise ValueError("Expected connected socket, but getpeername() failed")

    monkeypatch.setattr(pika, "BlockingConnection", dies)
    parameters = connection_parameters(BrokerAddress("127.0.0.1", 1, "guest", "guest"), connection_name="test")
    with pytest.raises(BROKER_TROUBLE, match="went away"):
        open_blocking_connection(parameters)
