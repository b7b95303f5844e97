"""The processor's road out, on a real broker: the canary, and statements to agents' reply addresses."""

import base64
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from processor import outward as outward_module
from processor.outward import Outward
from processor.silence.road import REFUSED, Way, WayOut
from rabbitmq.connection import BROKER_TROUBLE, REPLY_ADDRESS, BrokerAddress
from rabbitmq.declare import declare_topology
from rabbitmq.statement import Statement, decode_statement
from rabbitmq.topology import CANARY_ROUTING_KEY, EXCHANGE, QUEUE
from tests.brokers import SharedBroker
from tests.waiting import wait_for

JUNK = base64.b64encode(b"no process at all").decode()
MALFORMED = f"{REPLY_ADDRESS}.{JUNK}.{JUNK}"


class Ear:
    """An agent that listens at its reply address, and whoever reads the queue."""

    def __init__(self, channel: BlockingChannel) -> None:
        self._connection: pika.BlockingConnection = channel.connection
        self.heard: list[Statement] = []
        self.canaries: list[bytes] = []
        self.address = ""
        channel.basic_consume(REPLY_ADDRESS, self._hear, auto_ack=True)
        channel.basic_publish(EXCHANGE, "web-3", b"hello", pika.BasicProperties(reply_to=REPLY_ADDRESS))
        self._connection.channel().basic_consume(QUEUE, self._read, auto_ack=True)
        wait_for(lambda: self.listen().address, "the own address")

    def listen(self) -> "Ear":
        self._connection.process_data_events(time_limit=0.05)
        return self

    def _hear(self, _channel: object, _method: object, _properties: object, body: bytes) -> None:
        self.heard.append(decode_statement(body))

    def _read(self, _channel: object, method: Any, properties: Any, body: bytes) -> None:
        if method.routing_key == CANARY_ROUTING_KEY:
            self.canaries.append(body)
        else:
            self.address = properties.reply_to


@pytest.fixture
def ear(channel: BlockingChannel) -> Ear:
    return Ear(channel)


def statement(settled_seq: int, epoch: int = 1) -> Statement:
    return Statement(agent_id="web-3", epoch=epoch, assigned_seq=9, settled_seq=settled_seq)


@contextmanager
def running(address: BrokerAddress) -> Iterator[Outward]:
    """Its canaries are numbered."""
    stop, numbers = threading.Event(), itertools.count(1)
    outward = Outward(address, stop, lambda: b"%d" % next(numbers))
    thread = threading.Thread(target=outward.run)
    thread.start()
    try:
        yield outward
    finally:
        stop.set()
        thread.join(20)
    assert not thread.is_alive()


def hears(ear: Ear, outward: Outward, expected: Statement) -> None:
    """Said until it is heard: what is said while the connection is being made is dropped."""

    def said() -> bool:
        outward.send([(ear.address, expected)])
        return expected in ear.listen().heard

    wait_for(said, f"{expected} heard")


def test_statements_reach_the_agent_and_the_newest_of_an_epoch_wins(telemetry_address: BrokerAddress, ear: Ear) -> None:
    with running(telemetry_address) as outward:
        hears(ear, outward, statement(1))
        pairs = [(settled_seq, epoch) for settled_seq in (2, 3, 4) for epoch in (1, 2)]
        outward.send([(ear.address, statement(*pair)) for pair in pairs])
        wait_for(lambda: statement(4, 2) in ear.listen().heard, "the second epoch's")
        assert ear.heard[-2:] == [statement(4, 1), statement(4, 2)]
        assert statement(2) not in ear.heard


def test_a_malformed_address_is_tried_once_and_harms_nobody(telemetry_address: BrokerAddress, ear: Ear) -> None:
    with running(telemetry_address) as outward:
        hears(ear, outward, statement(1))
        outward.send([(MALFORMED, statement(2))])
        wait_for(lambda: ear.listen().canaries == [b"1", b"2"], "a new connection, with a canary at once")
        hears(ear, outward, statement(3))
        outward.send([(MALFORMED, statement(4)), (QUEUE, statement(4)), ("", statement(4))])
        hears(ear, outward, statement(5))
        assert ear.canaries == [b"1", b"2"]
        assert statement(4) not in ear.heard


def test_a_broker_that_refuses_statements_is_named(
    telemetry_address: BrokerAddress, ear: Ear, shared_broker: SharedBroker, caplog: pytest.LogCaptureFixture
) -> None:
    narrow = {"configure": ".*", "write": r"^health\.telemetry$", "read": ".*"}
    shared_broker.management.call("PUT", "permissions", telemetry_address.virtual_host, "guest", body=narrow)
    with running(telemetry_address) as outward:

        def refused() -> bool:
            outward.send([(ear.listen().address, statement(1))])
            return "refuses statements" in caplog.text

        wait_for(refused, "the refusal in the log")
    assert "python -m rabbitmq setup" in caplog.text


def test_a_canary_that_no_queue_takes_is_known_and_statements_go_on(
    telemetry_address: BrokerAddress, ear: Ear, shared_broker: SharedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outward_module, "PERIOD_SECONDS", 0.5)
    monkeypatch.setattr(outward_module, "RETRY_SECONDS", 0.5)
    management = replace(shared_broker.management, virtual_host=telemetry_address.virtual_host)
    with running(telemetry_address) as outward:
        hears(ear, outward, statement(1))
        management.call("DELETE", "bindings", management.virtual_host, "e", EXCHANGE, "q", QUEUE, "%23")
        wait_for(lambda: outward.way_out().way is Way.NOWHERE, "the returned canary")
        since_ms = outward.way_out().since_ms
        hears(ear, outward, statement(2))
        declare_topology(management)
        wait_for(lambda: outward.way_out().way is Way.OPEN, "a canary that a queue takes")
        assert outward.way_out().since_ms > since_ms


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> list[Way]:
    """Each way that is taken, while nothing routes and after it."""
    monkeypatch.setattr(outward_module, "PERIOD_SECONDS", 0.5)
    monkeypatch.setattr(outward_module, "RETRY_SECONDS", 2.0)
    taken: list[Way] = []
    go = Outward._go

    def watched(self: Outward, way_out: WayOut, **named: Any) -> None:
        go(self, way_out, **named)
        taken.append(self.way_out().way)

    monkeypatch.setattr(Outward, "_go", watched)
    return taken


def test_an_exchange_that_is_gone_is_known_over_reconnects_until_it_is_back(
    telemetry_address: BrokerAddress, ear: Ear, shared_broker: SharedBroker, ways: list[Way]
) -> None:
    management = replace(shared_broker.management, virtual_host=telemetry_address.virtual_host)
    with running(telemetry_address) as outward:
        hears(ear, outward, statement(1))
        management.call("DELETE", "exchanges", management.virtual_host, EXCHANGE)
        wait_for(lambda: outward.way_out().way is Way.NOWHERE, "the refused canary")
        first = outward.way_out()
        assert first.reason == REFUSED
        ways.clear()
        outward.send([(MALFORMED, statement(2))])
        wait_for(lambda: len(ways) >= 4, "a new connection, and one more refused canary")
        hears(ear, outward, statement(3))
        assert (set(ways), outward.way_out()) == ({Way.NOWHERE}, first)
        declare_topology(management)
        wait_for(lambda: outward.way_out().way is Way.OPEN, "a canary that a queue takes")


def test_a_canary_that_lacks_the_permission_leads_nowhere_and_statements_go_on(
    telemetry_address: BrokerAddress, ear: Ear, shared_broker: SharedBroker, ways: list[Way]
) -> None:
    def permit(write: str) -> None:
        permissions = {"configure": ".*", "write": write, "read": ".*"}
        place = "permissions", telemetry_address.virtual_host, "guest"
        shared_broker.management.call("PUT", *place, body=permissions)

    permit(r"^amq\.default$")
    with running(telemetry_address) as outward:
        wait_for(lambda: outward.way_out().way is Way.NOWHERE, "the refused canary")
        ways.clear()
        hears(ear, outward, statement(1))
        wait_for(lambda: len(ways) >= 2, "more refused canaries")
        assert set(ways) == {Way.NOWHERE}
        permit(".*")
        wait_for(lambda: outward.way_out().way is Way.OPEN, "a canary that a queue takes")


def test_a_broker_that_is_away_is_away_even_where_nothing_routed_before(
    telemetry_address: BrokerAddress, ways: list[Way]
) -> None:
    outward = Outward(replace(telemetry_address, port=1), threading.Event(), lambda: b"")
    outward._set_nowhere(REFUSED)
    with pytest.raises(BROKER_TROUBLE):
        outward._serve()
    assert ways == [Way.NOWHERE, Way.AWAY]
