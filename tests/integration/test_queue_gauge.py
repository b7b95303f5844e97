"""What waits for the processor, as the help desk's own account sees it on a real broker."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pika
import pytest

from helpdesk_api.command_sender import AmqpCommandSender
from helpdesk_api.queue_gauge import QueueLook
from rabbitmq.accounts import set_up_accounts
from rabbitmq.connection import BrokerAddress, connection_parameters
from rabbitmq.declare import declare_topology
from rabbitmq.topology import EXCHANGE, HELPDESK_USER, PERMISSIONS, QUEUE
from tests.brokers import RealBroker, SharedBroker
from tests.waiting import wait_for


@contextmanager
def running(address: BrokerAddress) -> Iterator[AmqpCommandSender]:
    sender = AmqpCommandSender(replace(address, user=HELPDESK_USER, password=HELPDESK_USER))
    sender.start()
    try:
        yield sender
    finally:
        sender.stop()


@pytest.fixture
def address(shared_broker: SharedBroker, broker_address: BrokerAddress) -> BrokerAddress:
    """A virtual host with accounts that have no more rights than in a user's broker."""
    management = replace(shared_broker.management, virtual_host=broker_address.virtual_host)
    set_up_accounts(management, {user: user for user in PERMISSIONS})
    declare_topology(management)
    return broker_address


def test_messages_are_counted_while_nobody_takes_them(address: BrokerAddress) -> None:
    connection = pika.BlockingConnection(connection_parameters(address, connection_name="test"))
    channel = connection.channel()
    channel.confirm_delivery()
    for _ in range(3):
        channel.basic_publish(EXCHANGE, "web-3", b"{}")
    with running(address) as sender:
        wait_for(lambda: sender.queue == QueueLook(depth=3, consumers=0), "three messages without a consumer")
        channel.basic_consume(QUEUE, lambda *_: None)
        connection.process_data_events(time_limit=1)
        wait_for(lambda: sender.queue == QueueLook(depth=0, consumers=1), "messages that a consumer has taken")
        assert sender.connected
    connection.close()


def test_a_missing_queue_costs_no_connection(
    address: BrokerAddress, shared_broker: SharedBroker, caplog: pytest.LogCaptureFixture
) -> None:
    with running(address) as sender:
        wait_for(lambda: sender.queue, "a look")
        shared_broker.management.call("DELETE", "queues", address.virtual_host, QUEUE)
        wait_for(lambda: sender.queue is None, "a queue of which nothing is known")
        declare_topology(replace(shared_broker.management, virtual_host=address.virtual_host))
        wait_for(lambda: sender.queue, "a look at the new queue")
        assert sender.connected
    assert "unreachable" not in caplog.text


def test_a_broker_in_alarm_is_noticed_though_nobody_sends(broker: RealBroker) -> None:
    set_up_accounts(broker.management, {user: user for user in PERMISSIONS})
    declare_topology(broker.management)
    with running(broker.address) as sender:
        wait_for(lambda: sender.queue, "a look")
        assert sender.blocked is None
        broker.ctl("set_disk_free_limit", str(10**15))
        assert "disk" in wait_for(lambda: sender.blocked, "the alarm")
        broker.ctl("set_disk_free_limit", "50000000")
        wait_for(lambda: sender.blocked is None, "the end of the alarm")
        assert sender.connected
