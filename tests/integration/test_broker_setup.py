"""`python -m rabbitmq setup` on a real broker: safe to repeat, repairing, refusing by name; what accounts may do."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pika
import pika.exceptions
import pytest

from rabbitmq.accounts import AdminRefused, log_in, set_up_accounts
from rabbitmq.connection import REPLY_ADDRESS, BrokerAddress, connection_parameters
from rabbitmq.declare import TopologyDiffers, declare_topology
from rabbitmq.management import LoginRefused, Management
from rabbitmq.setup import SetupSettings, set_up
from rabbitmq.topology import (
    AGENT_USER,
    CANARY_ROUTING_KEY,
    EVENT_QUEUE_PREFIX,
    EXCHANGE,
    HELPDESK_USER,
    PERMISSIONS,
    PROCESSOR_USER,
    QUEUE,
)
from tests.brokers import RealBroker, SharedBroker

Channel = Any  # pika has no types
PASSWORDS = {user: f"secret of {user}" for user in PERMISSIONS}


@pytest.fixture
def management(shared_broker: SharedBroker, broker_address: BrokerAddress) -> Management:
    """The administrator's view of an empty virtual host."""
    return replace(shared_broker.management, virtual_host=broker_address.virtual_host)


@pytest.fixture
def address(management: Management, broker_address: BrokerAddress) -> BrokerAddress:
    """A virtual host that is set up."""
    set_up(SetupSettings(management, PASSWORDS))
    return broker_address


class Client:
    """A connection as one account; every refusal costs a channel, so each try takes a new one."""

    def __init__(self, address: BrokerAddress, user: str) -> None:
        own = replace(address, user=user, password=PASSWORDS[user])
        self._connection = pika.BlockingConnection(connection_parameters(own, connection_name="test"))

    def channel(self) -> Channel:
        channel = self._connection.channel()
        channel.confirm_delivery()
        return channel

    def refused(self, method: str, *arguments: object, **keywords: object) -> str:
        """The broker's words when it refuses; "" when it does not."""
        try:
            getattr(self.channel(), method)(*arguments, **keywords)
        except pika.exceptions.ChannelClosedByBroker as closed:
            return str(closed.reply_text)
        return ""

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def agent(address: BrokerAddress) -> Iterator[Client]:
    client = Client(address, AGENT_USER)
    yield client
    client.close()


@pytest.fixture
def processor(address: BrokerAddress) -> Iterator[Client]:
    client = Client(address, PROCESSOR_USER)
    yield client
    client.close()


@pytest.fixture
def helpdesk(address: BrokerAddress) -> Iterator[Client]:
    client = Client(address, HELPDESK_USER)
    yield client
    client.close()


def queue_of(management: Management) -> dict[str, object]:
    queue: dict[str, object] = management.call("GET", "queues", management.virtual_host, QUEUE)
    return queue


def take(channel: Channel, queue: str) -> bytes | None:
    _, _, body = next(channel.consume(queue, auto_ack=True, inactivity_timeout=10))
    return None if body is None else bytes(body)


def test_setup_run_twice_leaves_messages_where_they_are(management: Management, processor: Client) -> None:
    processor.channel().basic_publish(EXCHANGE, CANARY_ROUTING_KEY, b"1", mandatory=True)
    set_up(SetupSettings(management, PASSWORDS))
    assert take(processor.channel(), QUEUE) == b"1"


def test_setup_restores_what_was_taken_away(management: Management, address: BrokerAddress) -> None:
    management.call("DELETE", "exchanges", management.virtual_host, EXCHANGE)
    management.call("DELETE", "users", PROCESSOR_USER)
    set_up(SetupSettings(management, PASSWORDS))
    processor = Client(address, PROCESSOR_USER)
    processor.channel().basic_publish(EXCHANGE, CANARY_ROUTING_KEY, b"1", mandatory=True)
    assert take(processor.channel(), QUEUE) == b"1"
    processor.close()


def test_a_queue_with_other_arguments_is_refused_with_the_difference_and_kept(management: Management) -> None:
    body = {"durable": True, "arguments": {"x-queue-type": "quorum", "x-max-length-bytes": 5}}
    management.call("PUT", "queues", management.virtual_host, QUEUE, body=body)
    with pytest.raises(TopologyDiffers) as refusal:
        declare_topology(management)
    assert "x-max-length-bytes is 5, wanted 4294967296" in str(refusal.value)
    assert f"/queues/{management.virtual_host}/{QUEUE}?if-empty=true" in str(refusal.value)
    assert queue_of(management)["arguments"] == body["arguments"]


def test_an_exchange_of_another_type_is_refused(management: Management) -> None:
    management.call("PUT", "exchanges", management.virtual_host, EXCHANGE, body={"type": "fanout", "durable": True})
    with pytest.raises(TopologyDiffers, match="inequivalent arg 'type'"):
        declare_topology(management)


def test_accounts_are_no_administrators(management: Management, address: BrokerAddress) -> None:  # noqa: ARG001
    for user, password in PASSWORDS.items():
        assert not management.call("GET", "users", user)["tags"]
        with pytest.raises(LoginRefused):
            replace(management, user=user, password=password).call("GET", "overview")


def test_an_agent_publishes_under_agent_ids_only(agent: Client, processor: Client) -> None:
    assert agent.refused("basic_publish", EXCHANGE, "web-1", b"1", mandatory=True) == ""
    assert take(processor.channel(), QUEUE) == b"1"
    for key in (CANARY_ROUTING_KEY, "UPPER", "a" * 65, ""):
        assert "topic" in agent.refused("basic_publish", EXCHANGE, key, b"1")
    for exchange in ("amq.topic", ""):
        assert "refused" in agent.refused("basic_publish", exchange, QUEUE, b"1")


def test_an_agent_neither_reads_nor_configures(agent: Client) -> None:
    assert "refused" in agent.refused("basic_get", QUEUE)
    assert "refused" in agent.refused("queue_purge", QUEUE)
    assert "refused" in agent.refused("queue_declare", "mine", exclusive=True)
    assert "refused" in agent.refused("exchange_declare", "mine")
    assert "refused" in agent.refused("exchange_delete", EXCHANGE)


def test_a_command_reaches_an_agent_that_may_read_nothing(agent: Client, helpdesk: Client, processor: Client) -> None:
    road_back = agent.channel()
    commands = road_back.consume(REPLY_ADDRESS, auto_ack=True, inactivity_timeout=10)
    assert next(road_back.consume(REPLY_ADDRESS, auto_ack=True, inactivity_timeout=0.01)) == (None, None, None)
    road_back.basic_publish(EXCHANGE, "web-1", b"hello", pika.BasicProperties(reply_to=REPLY_ADDRESS))
    _, hello, _ = next(processor.channel().consume(QUEUE, auto_ack=True, inactivity_timeout=10))
    helpdesk.channel().basic_publish("", hello.reply_to, b"poll")
    assert next(commands)[2] == b"poll"


def test_the_help_desk_reaches_reply_addresses_and_nothing_else(helpdesk: Client) -> None:
    assert "refused" in helpdesk.refused("basic_publish", EXCHANGE, "web-1", b"1")
    assert "refused" in helpdesk.refused("basic_get", QUEUE)
    assert "refused" in helpdesk.refused("queue_declare", "mine")


def test_the_processor_consumes_and_sends_the_canary_only(processor: Client) -> None:
    assert "topic" in processor.refused("basic_publish", EXCHANGE, "web-1", b"1")
    assert "refused" in processor.refused("basic_publish", "amq.topic", "web-1", b"1")
    assert "refused" in processor.refused("basic_get", "mine")
    assert "refused" in processor.refused("queue_declare", "mine")
    assert "refused" in processor.refused("exchange_delete", EXCHANGE)
    own_queue = f"{EVENT_QUEUE_PREFIX}0a1b"
    assert processor.refused("queue_declare", own_queue, exclusive=True) == ""
    assert processor.refused("basic_get", own_queue) == ""
    assert "refused" in processor.refused("queue_bind", own_queue, EXCHANGE, "#")
    assert "refused" in processor.refused("queue_bind", own_queue, "amq.topic", "#")
    assert "refused" in processor.refused("queue_declare", f"{EVENT_QUEUE_PREFIX}0.1")


def test_a_statement_reaches_an_agent_that_may_read_nothing(agent: Client, processor: Client) -> None:
    road_back = agent.channel()
    statements = road_back.consume(REPLY_ADDRESS, auto_ack=True, inactivity_timeout=10)
    assert next(road_back.consume(REPLY_ADDRESS, auto_ack=True, inactivity_timeout=0.01)) == (None, None, None)
    road_back.basic_publish(EXCHANGE, "web-1", b"hello", pika.BasicProperties(reply_to=REPLY_ADDRESS))
    _, hello, _ = next(processor.channel().consume(QUEUE, auto_ack=True, inactivity_timeout=10))
    processor.channel().basic_publish("", hello.reply_to, b"statement")
    assert next(statements)[2] == b"statement"


def test_the_configured_password_replaces_guests_first_one(broker: RealBroker) -> None:
    configured = replace(broker.management, password="a random one")
    assert log_in(configured) == "guest's first password is replaced by the configured one"
    assert log_in(configured) is None
    with pytest.raises(AdminRefused, match="refuses account 'guest'"):
        log_in(replace(configured, password="another one"))
    set_up_accounts(configured, PASSWORDS)
    configured.call("PUT", "users", "guest", body={"password": "guest", "tags": "administrator"})


def run_setup(broker: RealBroker, **environment: str) -> subprocess.CompletedProcess[str]:
    port = {"HEALTHMON_RABBITMQ_MANAGEMENT_PORT": str(broker.management.port)}
    return subprocess.run(
        [sys.executable, "-m", "rabbitmq", "setup"],
        env={**os.environ, **port, **environment},
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )


def test_the_program_sets_up_and_says_so_in_one_line(broker: RealBroker) -> None:
    done = run_setup(broker, HEALTHMON_AGENT_PASSWORD="hunter2")
    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        "broker set up: accounts healthmon-processor, healthmon-helpdesk, healthmon-agent; "
        "exchange health.telemetry; queue ingest"
    ]
    agent = replace(broker.address, user=AGENT_USER, password="hunter2")
    pika.BlockingConnection(connection_parameters(agent, connection_name="test")).close()


def test_a_wrong_administrator_password_is_named_with_what_to_do(broker: RealBroker) -> None:
    broker.management.call("PUT", "users", "guest", body={"password": "changed", "tags": "administrator"})
    done = run_setup(broker, HEALTHMON_RABBITMQ_ADMIN_PASSWORD="wrong one")
    replace(broker.management, password="changed").call(
        "PUT", "users", "guest", body={"password": "guest", "tags": "administrator"}
    )
    assert done.returncode == 1
    assert "refuses account 'guest'" in done.stderr
    assert "HEALTHMON_RABBITMQ_ADMIN_PASSWORD" in done.stderr
    assert "wrong one" not in done.stderr
