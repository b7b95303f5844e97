"""Messages whose properties are no text, as any sender may publish them: none of them ends the processor."""

import struct
from collections.abc import Callable
from typing import Any

import pika
import pytest
from pika import spec
from pika.adapters.blocking_connection import BlockingChannel
from sqlalchemy import Engine

from rabbitmq.topology import EXCHANGE
from store import quarantine
from store.engine import reading
from tests.integration.conftest import StartProcess
from tests.integration.processor_traffic import AGENT, envelope, numbered, publish, ready, stored
from tests.unit.processor.deliveries import snapshot
from tests.waiting import wait_for

ODD_ID = b"\xff\xfe"


class RawHeader(pika.BasicProperties):  # type: ignore[misc]  # pika has no types
    """One header of a kind and value that pika itself does not write."""

    def __init__(self, kind: bytes, value: bytes) -> None:
        super().__init__()
        self._header = b"\x01x" + kind + value

    def encode(self) -> list[bytes]:
        flags = spec.BasicProperties.FLAG_HEADERS | spec.BasicProperties.FLAG_DELIVERY_MODE
        return [struct.pack(">HI", flags, len(self._header)), self._header, b"\x02"]


def texts() -> Any:
    return pika.BasicProperties(
        message_id=ODD_ID, reply_to=ODD_ID, correlation_id=ODD_ID, headers={"x": ODD_ID}, delivery_mode=2
    )


def year_beyond_all() -> Any:
    return RawHeader(b"T", struct.pack(">Q", 2**62))


def arrays_in_arrays() -> Any:
    nested = b""
    for _ in range(5_000):
        nested = b"A" + struct.pack(">I", len(nested)) + nested
    return RawHeader(b"A", nested[1:])


@pytest.mark.parametrize("properties", [texts, year_beyond_all, arrays_in_arrays])
def test_no_property_ends_the_processor_and_what_comes_behind_is_stored(
    start_processor: StartProcess, channel: BlockingChannel, store_engine: Engine, properties: Callable[[], Any]
) -> None:
    publish(channel, *numbered(1, 5))
    channel.basic_publish(EXCHANGE, AGENT, b"rubbish", properties(), mandatory=True)
    channel.basic_publish(EXCHANGE, AGENT, envelope(snapshot(6, cpu=1.0)).body, properties(), mandatory=True)
    publish(channel, *numbered(7, 20))
    process = start_processor()
    wait_for(lambda: stored(store_engine) == list(range(1, 21)), "all stored")
    wait_for(lambda: ready(channel) == 0, "the queue is empty")
    assert process.poll() is None
    with reading(store_engine) as connection:
        [entry] = quarantine.list_entries(connection, None, 10)
    assert (entry.reason, entry.routing_key) == ("not-json", AGENT)
    process.terminate()
    assert process.wait(30) == 0
    again = start_processor()
    publish(channel, *numbered(21, 22))
    wait_for(lambda: 22 in stored(store_engine), "stored after a second start, too")
    assert again.poll() is None
