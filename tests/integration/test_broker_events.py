"""The broker's events, from a real broker."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pika
import pytest

from processor.silence import broker_events
from processor.silence.broker_events import BrokerEvents, ConnectionEvent
from rabbitmq.connection import BrokerAddress, connection_parameters
from rabbitmq.setup import SetupSettings, set_up
from rabbitmq.topology import PERMISSIONS, PROCESSOR_USER
from tests.brokers import RealBroker
from tests.waiting import wait_for

Heard = list[ConnectionEvent | None]


@contextmanager
def listening(address: BrokerAddress, on_closed: Callable[[], None] = lambda: None) -> Iterator[BrokerEvents]:
    stop = threading.Event()
    events = BrokerEvents(address, stop, on_closed)
    thread = threading.Thread(target=events.run)
    thread.start()
    try:
        yield events
    finally:
        stop.set()
        thread.join()


def agent_connection(broker: RealBroker) -> pika.BlockingConnection:
    named = connection_parameters(broker.address, connection_name="healthmon-agent/web-3", agent_id="web-id")
    return pika.BlockingConnection(named)


def test_who_connects_and_who_goes_is_heard_with_the_processors_own_rights(broker: RealBroker) -> None:
    set_up(SetupSettings(broker.management, {user: user for user in PERMISSIONS}))
    own, closed, heard = (
        replace(broker.address, user=PROCESSOR_USER, password=PROCESSOR_USER),
        threading.Event(),
        Heard(),
    )

    def one(is_open: bool) -> bool:
        heard.extend(events.drain())
        return any(event is not None and event.is_open is is_open and event.agent_id == "web-id" for event in heard)

    with listening(own, closed.set) as events:
        wait_for(lambda: _queue_count(broker) == 1, "it listens")
        connection = agent_connection(broker)
        wait_for(lambda: one(is_open=True), "the connection is told of")
        assert not closed.is_set()
        connection.close()
        wait_for(lambda: one(is_open=False), "its end is told of")
        assert closed.is_set()
        assert {event.peer_host for event in heard if event} == {"127.0.0.1"}
    wait_for(lambda: _queue_count(broker) == 0, "its queue goes with it")


def test_without_the_exchange_it_says_so_once_and_asks_again(
    broker: RealBroker, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_events, "REFUSED_RETRY_SECONDS", 0.05)
    elsewhere, heard = broker.new_virtual_host(), Heard()
    with caplog.at_level(logging.WARNING), listening(elsewhere) as events:
        wait_for(lambda: _take(events, heard) >= 3, "it asks again")
    broker.drop_virtual_host(elsewhere)
    [said] = [record.getMessage() for record in caplog.records if record.name == broker_events.__name__]
    assert "rabbitmq-plugins enable rabbitmq_event_exchange" in said


def _take(events: BrokerEvents, heard: Heard) -> int:
    heard.extend(events.drain())
    return len(heard)


def _queue_count(broker: RealBroker) -> int:
    return sum(queue["name"].startswith("healthmon.events.") for queue in broker.management.call("GET", "queues"))
