"""The publisher against a real broker: one test for each thing a broker may answer, and none may lose a record."""

import gc
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from agent.io_loop import LocalLoop
from agent.publisher import Publisher
from agent.publisher_thread import PublisherThread
from agent.spool import Spool
from agent.window import MAX_IN_FLIGHT
from rabbitmq.commands import Command, decode_command, encode_command
from rabbitmq.connection import BrokerAddress, connection_parameters
from rabbitmq.declare import declare_topology
from rabbitmq.message import ReadMessage, decode
from rabbitmq.statement import STATEMENT_TYPE, encode_statement
from rabbitmq.topology import EXCHANGE, QUEUE
from tests.brokers import RealBroker
from tests.unit.agent.spools import statement
from tests.unit.agent.stamping import AGENT_ID, goodbye, snapshot_of, stamper
from tests.waiting import wait_for

DEADLINE_SECONDS = 60.0


class WatchedPublisher(Publisher):
    """Notes each answer of the broker before it acts on it."""

    def acked(self, delivery_tag: int, multiple: bool) -> None:
        self.answers.append("ack multiple" if multiple else "ack")
        super().acked(delivery_tag, multiple)

    def nacked(self, delivery_tag: int, multiple: bool) -> None:
        self.answers.append("nack")
        super().nacked(delivery_tag, multiple)

    def returned(self, message_id: str) -> None:
        self.answers.append("return")
        super().returned(message_id)

    answers: list[str]


class Sender:
    """A spool and its publisher, as one agent has them."""

    def __init__(self, folder: Path, address: BrokerAddress) -> None:
        self.commands: list[bytes] = []
        self.spool = Spool(folder / "spool.sqlite3", stamper())
        self.publisher = WatchedPublisher(
            self.spool, address, LocalLoop(), agent_id=AGENT_ID, name="test", on_command=self.commands.append
        )
        self.thread = PublisherThread(self.publisher)
        self.publisher.answers = []

    def keep(self, count: int, size_bytes: int = 0) -> None:
        for _ in range(count):
            self.spool.append(snapshot_of(size_bytes))
            self.publisher.nudge()

    def wait_until_all_is_sent(self) -> None:
        wait_for(lambda: self.spool.count == 0, "all records confirmed")

    def close(self) -> None:
        self.thread.stop()
        self.spool.close()


@pytest.fixture
def address(broker: RealBroker) -> Iterator[BrokerAddress]:
    fresh = broker.new_virtual_host()
    yield fresh
    broker.drop_virtual_host(fresh)


@pytest.fixture
def ready(broker: RealBroker, address: BrokerAddress) -> BrokerAddress:
    declare_topology(replace(broker.management, virtual_host=address.virtual_host))
    return address


@pytest.fixture
def sender(tmp_path: Path, address: BrokerAddress) -> Iterator[Sender]:
    one = Sender(tmp_path, address)
    yield one
    one.close()
    assert one.thread.failure is None


def stored(address: BrokerAddress, count: int) -> list[ReadMessage]:
    """The messages of the queue in its order, taken from it, until they hold `count` different records."""
    messages: list[ReadMessage] = []
    with pika.BlockingConnection(connection_parameters(address, connection_name="reader")) as connection:
        channel = connection.channel()
        for method, properties, body in channel.consume(QUEUE, auto_ack=True, inactivity_timeout=DEADLINE_SECONDS):
            assert method is not None, f"{len(set(seqs(messages)))} of {count} records are stored"
            messages.append(decode(body, routing_key=method.routing_key, content_encoding=properties.content_encoding))
            if len(set(seqs(messages))) >= count:
                break
    return messages


def seqs(messages: list[ReadMessage]) -> list[int]:
    return [item.record.seq for message in messages for item in message.records]


def with_channel(address: BrokerAddress, use: Callable[[BlockingChannel], object]) -> None:
    with pika.BlockingConnection(connection_parameters(address, connection_name="operator")) as connection:
        use(connection.channel())


def test_ack_confirms(ready: BrokerAddress, sender: Sender) -> None:
    sender.thread.start()
    sender.keep(3)
    sender.wait_until_all_is_sent()
    assert seqs(stored(ready, 3)) == [1, 2, 3]
    assert sender.publisher.hub.state == "connected"
    assert sender.publisher.confirmed_count == 3


def test_one_ack_for_several_messages_confirms_them_all(ready: BrokerAddress, sender: Sender) -> None:
    count = 3 * MAX_IN_FLIGHT
    sender.keep(count, size_bytes=130_000)  # so large that each travels alone
    sender.thread.start()
    sender.wait_until_all_is_sent()
    assert "ack multiple" in sender.publisher.answers
    assert len(sender.publisher.answers) < count
    assert seqs(stored(ready, count)) == list(range(1, count + 1))


def test_a_backlog_sends_its_oldest_as_a_trial_then_the_newest_then_the_rest(
    ready: BrokerAddress, sender: Sender
) -> None:
    sender.keep(250)
    sender.thread.start()
    sender.wait_until_all_is_sent()
    messages = stored(ready, 250)
    assert [len(message.records) for message in messages] == [1, 1, 100, 100, 48]
    assert seqs(messages) == [1, 250, *range(2, 250)]
    assert (messages[0].numbering.last_assigned_seq, messages[0].numbering.oldest_kept_seq) == (250, 1)


def test_nack_keeps_the_records_until_there_is_room(address: BrokerAddress, sender: Sender) -> None:
    def declare_small_queue(channel: BlockingChannel) -> None:
        channel.exchange_declare(EXCHANGE, "topic", durable=True)
        channel.queue_declare(QUEUE, durable=True, arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
        channel.queue_bind(QUEUE, EXCHANGE, "#")

    with_channel(address, declare_small_queue)
    sender.thread.start()
    sender.keep(5, size_bytes=130_000)
    wait_for(lambda: "nack" in sender.publisher.answers, "the full queue refuses")
    assert sorted(seqs(stored(address, 5))) == [1, 2, 3, 4, 5]
    sender.wait_until_all_is_sent()


def test_return_keeps_the_records_until_a_queue_is_bound(
    broker: RealBroker, address: BrokerAddress, sender: Sender
) -> None:
    with_channel(address, lambda channel: channel.exchange_declare(EXCHANGE, "topic", durable=True))
    sender.thread.start()
    sender.keep(2)
    wait_for(lambda: sender.publisher.answers[:2] == ["return", "ack"], "returned, then acknowledged")
    assert sender.spool.count == 2
    assert sender.publisher.confirmed_count == 0
    declare_topology(replace(broker.management, virtual_host=address.virtual_host))
    sender.wait_until_all_is_sent()
    assert seqs(stored(address, 2)) == [1, 2]


def test_a_missing_exchange_is_named_and_waited_for(broker: RealBroker, address: BrokerAddress, sender: Sender) -> None:
    sender.keep(1)
    sender.thread.start()
    wait_for(lambda: "exchange health.telemetry is missing" in sender.publisher.hub.why, "the cause is named")
    declare_topology(replace(broker.management, virtual_host=address.virtual_host))
    sender.wait_until_all_is_sent()
    assert seqs(stored(address, 1)) == [1]


def test_blocked_stops_sending_and_unblocked_goes_on(broker: RealBroker, ready: BrokerAddress, sender: Sender) -> None:
    sender.thread.start()
    sender.keep(1)
    sender.wait_until_all_is_sent()
    broker.ctl("set_disk_free_limit", "1000000GB")
    try:
        sender.keep(1)  # the broker says "blocked" to those who publish
        wait_for(lambda: sender.publisher.hub.state == "blocked", "blocked")
        sender.keep(5)
        sender.publisher.wait_until_sent(0.2)
        assert sender.spool.waiting_count >= 5
    finally:
        broker.ctl("set_disk_free_limit", "1MB")
    sender.wait_until_all_is_sent()
    assert sender.publisher.hub.state == "connected"
    assert sorted(set(seqs(stored(ready, 7)))) == list(range(1, 8))


def test_a_closed_connection_is_made_again(broker: RealBroker, ready: BrokerAddress, sender: Sender) -> None:
    sender.thread.start()
    sender.keep(1)
    sender.wait_until_all_is_sent()
    broker.ctl("close_all_connections", "--vhost", ready.virtual_host, "test")
    wait_for(lambda: sender.publisher.hub.state == "disconnected", "closed")
    sender.keep(2)
    sender.wait_until_all_is_sent()
    assert seqs(stored(ready, 3)) == [1, 2, 3]


def test_a_killed_broker_loses_nothing(broker: RealBroker, ready: BrokerAddress, sender: Sender) -> None:
    sender.thread.start()
    for _ in range(20):
        sender.keep(1)
    broker.kill()
    wait_for(lambda: sender.publisher.hub.state == "disconnected", "killed")
    sender.keep(20)
    broker.start()
    sender.wait_until_all_is_sent()
    assert sorted(set(seqs(stored(ready, 40)))) == list(range(1, 41))


def test_a_refused_login_is_named_without_the_password(tmp_path: Path, ready: BrokerAddress) -> None:
    stranger = Sender(tmp_path, replace(ready, user="nobody", password="secret-word"))
    stranger.thread.start()
    wait_for(lambda: "login refused for user 'nobody'" in stranger.publisher.hub.why, "the cause is named")
    stranger.close()
    assert "secret-word" not in repr(stranger.publisher.hub)


def test_a_command_comes_back_by_the_reply_address(ready: BrokerAddress, sender: Sender) -> None:
    sender.thread.start()
    sender.keep(1)
    sender.wait_until_all_is_sent()
    command = Command(command_id="c-1", agent_id=AGENT_ID, kind="poll", issued_seconds=1.0, expires_seconds=2.0)

    def answer(channel: BlockingChannel) -> None:
        _, properties, _ = next(channel.consume(QUEUE, auto_ack=True, inactivity_timeout=DEADLINE_SECONDS))
        channel.basic_publish("", properties.reply_to, encode_command(command))

    with_channel(ready, answer)
    wait_for(lambda: bool(sender.commands), "the command arrives")
    assert decode_command(sender.commands[0]) == command


def test_a_statement_comes_back_by_the_reply_address_and_what_it_misses_is_sent_again(
    ready: BrokerAddress, sender: Sender
) -> None:
    sender.thread.start()
    sender.keep(3)
    sender.wait_until_all_is_sent()
    assert len(stored_seqs := seqs(stored(ready, 3))) == 3
    sender.keep(1)
    told = statement(sender.spool.epoch, 4, 1, [(2, 2)])

    def answer(channel: BlockingChannel) -> None:
        _, properties, _ = next(channel.consume(QUEUE, auto_ack=True, inactivity_timeout=DEADLINE_SECONDS))
        channel.cancel()  # what is sent again is for the next reader
        kind = pika.BasicProperties(type=STATEMENT_TYPE)
        channel.basic_publish("", properties.reply_to, encode_statement(told), kind)

    with_channel(ready, answer)
    assert seqs(stored(ready, 1)) == [2]
    assert sender.commands == []
    sender.keep(1)
    assert sender.spool.kept_count == 4
    assert stored_seqs == [1, 2, 3]


def test_stop_while_the_broker_is_away_leaves_the_records(tmp_path: Path) -> None:
    away = Sender(tmp_path, BrokerAddress("127.0.0.1", 1, "guest", "guest"))
    away.spool.append(goodbye)
    away.thread.start()
    wait_for(lambda: "connection refused" in away.publisher.hub.why, "the cause is named")
    away.close()
    assert away.thread.failure is None
    spool = Spool(tmp_path / "spool.sqlite3", stamper())
    assert spool.count == 1
    spool.close()


def test_stop_in_the_middle_of_connecting_is_clean(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        mute.settimeout(DEADLINE_SECONDS)
        waiting = Sender(tmp_path, BrokerAddress("127.0.0.1", mute.getsockname()[1], "guest", "guest"))
        waiting.thread.start()
        connection, _ = mute.accept()
        waiting.close()
        connection.close()
    assert waiting.thread.failure is None
    del waiting
    gc.collect()  # a socket that was left open is told now, which fails this test
