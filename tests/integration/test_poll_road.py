"""The command road on a real broker: it arrives, it survives a broken connection, it forgets what is too late."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from deploy.local.broker import free_ports
from helpdesk_api.command_sender import AmqpCommandSender
from rabbitmq.commands import Command, decode_command
from rabbitmq.connection import REPLY_ADDRESS, BrokerAddress, connection_parameters
from tests.brokers import SharedBroker
from tests.waiting import wait_for


class ListeningAgent:
    """What an agent is to the sender: an address, and the commands that came in."""

    def __init__(self, address: BrokerAddress) -> None:
        self._connection = pika.BlockingConnection(connection_parameters(address, connection_name="agent"))
        self._channel: BlockingChannel = self._connection.channel()
        self._bodies: list[bytes] = []
        self._channel.basic_consume(REPLY_ADDRESS, lambda *delivery: self._bodies.append(delivery[3]), auto_ack=True)
        self.reply_to = self._learn_address()

    def _learn_address(self) -> str:
        queue = self._channel.queue_declare("", exclusive=True).method.queue
        self._channel.basic_publish("", queue, b"", pika.BasicProperties(reply_to=REPLY_ADDRESS))
        _, properties, _ = next(self._channel.consume(queue, auto_ack=True))
        return str(properties.reply_to)

    def commands(self) -> list[str]:
        """Ids of all commands that arrived so far."""
        self._connection.process_data_events(time_limit=0.05)
        return [decode_command(body).command_id for body in self._bodies]

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def agent(broker_address: BrokerAddress) -> Iterator[ListeningAgent]:
    agent = ListeningAgent(broker_address)
    yield agent
    agent.close()


@pytest.fixture
def sender(broker_address: BrokerAddress) -> Iterator[AmqpCommandSender]:
    sender = AmqpCommandSender(broker_address)
    sender.start()
    yield sender
    sender.stop()


def command(command_id: str, *, good_for_seconds: float = 60) -> Command:
    now = time.time()
    return Command(
        command_id=command_id,
        agent_id="web-3",
        kind="poll",
        issued_seconds=now,
        expires_seconds=now + good_for_seconds,
    )


def test_commands_arrive_in_order_and_the_late_ones_never(agent: ListeningAgent, sender: AmqpCommandSender) -> None:
    sender.send(agent.reply_to, command("first"))
    sender.send(agent.reply_to, command("too-late", good_for_seconds=-1))
    sender.send(agent.reply_to, command("second"))
    wait_for(lambda: agent.commands() == ["first", "second"], "both commands, and only they")


def test_a_command_to_nobody_harms_no_other(agent: ListeningAgent, sender: AmqpCommandSender) -> None:
    sender.send("amq.rabbitmq.reply-to.gone", command("lost"))
    sender.send(f"{REPLY_ADDRESS}.malformed.{'x' * 200}", command("lost-too"))
    sender.send(agent.reply_to, command("mine"))
    wait_for(lambda: agent.commands() == ["mine"], "the command")


def test_a_broken_connection_is_told_once_and_mended(
    agent: ListeningAgent, sender: AmqpCommandSender, shared_broker: SharedBroker, caplog: pytest.LogCaptureFixture
) -> None:
    wait_for(lambda: sender.connected, "the connection")
    name = wait_for(lambda: connection_of(shared_broker), "the connection in the management")
    shared_broker.management.call("DELETE", "connections", name)
    wait_for(lambda: not sender.connected, "the end of the connection")
    sender.send(agent.reply_to, command("after"))
    wait_for(lambda: agent.commands() == ["after"], "the command")
    assert len(words_of_sender(caplog)) == 1


def test_a_broker_that_is_away_is_told_once_and_stopping_is_quick(
    broker_address: BrokerAddress, caplog: pytest.LogCaptureFixture
) -> None:
    address = replace(broker_address, port=free_ports(1)[0])
    sender = AmqpCommandSender(address)
    sender.start()
    told = wait_for(lambda: words_of_sender(caplog), "a word about the broker")
    assert told[0].startswith(f"broker {address} unreachable (Connection refused)")
    assert not sender.connected
    sender.stop()
    assert "command-sender" not in [thread.name for thread in threading.enumerate()]


def words_of_sender(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "helpdesk_api.command_sender"]


def connection_of(broker: SharedBroker) -> str | None:
    connections = broker.management.call("GET", "connections")
    named = [
        str(one["name"])
        for one in connections
        if one.get("client_properties", {}).get("connection_name") == "healthmon-helpdesk"
    ]
    return named[0] if named else None
