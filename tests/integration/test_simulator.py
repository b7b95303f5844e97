"""The simulator as a process on a real broker: what it leaves in the queue is what true agents would."""

import os
import re
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest
from pika import BasicProperties
from pika.adapters.blocking_connection import BlockingChannel

from rabbitmq.commands import COMMAND_TYPE, Command, encode_command
from rabbitmq.connection import BrokerAddress
from rabbitmq.message import ReadMessage, decode
from rabbitmq.records import AnyRecord, Goodbye, Hello, Result, Snapshot
from rabbitmq.topology import QUEUE
from simulator.main import ExitCode
from simulator.trouble import BEHIND_SECONDS, CALM_REPORTS
from tests.processes import GONE_WITHIN_SECONDS

AWAY = BrokerAddress("127.0.0.1", 1, "guest", "guest")

Start = Callable[..., "subprocess.Popen[str]"]
Kind = TypeVar("Kind", bound=AnyRecord)


@pytest.fixture
def start(telemetry_address: BrokerAddress) -> Iterator[Start]:
    """Starts `python -m simulator` with these arguments; what still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def begin(arguments: str, address: BrokerAddress = telemetry_address) -> "subprocess.Popen[str]":
        environment = os.environ | {
            "HEALTHMON_RABBITMQ_HOST": address.host,
            "HEALTHMON_RABBITMQ_PORT": str(address.port),
            "HEALTHMON_RABBITMQ_USER": address.user,
            "HEALTHMON_RABBITMQ_VIRTUAL_HOST": address.virtual_host,
            "HEALTHMON_RABBITMQ_PASSWORD": "the server's own",
            "HEALTHMON_AGENT_PASSWORD": address.password,
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "simulator", *arguments.split()],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


class Stored:
    """What is in the queue, taken out as it is asked for."""

    def __init__(self, channel: BlockingChannel) -> None:
        self._channel = channel
        self.messages: list[ReadMessage] = []
        self.reply_addresses: set[str] = set()

    def take_until(self, enough: Callable[[], bool]) -> None:
        """Take one message after the other until this is true."""
        for method, properties, body in self._channel.consume(QUEUE, auto_ack=True, inactivity_timeout=60):
            assert method is not None, f"no more came, {len(self.messages)} messages are here"
            self.reply_addresses.add(properties.reply_to)
            read = decode(body, routing_key=method.routing_key, content_encoding=properties.content_encoding)
            assert read.bad_records == []
            self.messages.append(read)
            if enough():
                return

    def take_all_of(self, output: str) -> None:
        """As many records as the simulator says were confirmed."""
        found = re.findall(r"confirmed ([\d,]+)", output)
        confirmed = int(found[-1].replace(",", ""))
        self.take_until(lambda: sum(len(message.records) for message in self.messages) == confirmed)

    def records(self, kind: type[Kind]) -> list[Kind]:
        """Of this kind, in the order of the queue."""
        everything = [item.record for message in self.messages for item in message.records]
        return [record for record in everything if isinstance(record, kind)]


@pytest.fixture
def stored(channel: BlockingChannel) -> Stored:
    return Stored(channel)


def ended(process: "subprocess.Popen[str]") -> str:
    """What it printed until its end."""
    output, _ = process.communicate(timeout=60 + GONE_WITHIN_SECONDS)
    return output


def test_each_agent_tells_its_story_from_hello_to_goodbye_without_a_gap(start: Start, stored: Stored) -> None:
    process = start("--agents 3 --interval 1 --duration 3 --seed 7")
    output = ended(process)
    assert process.returncode == ExitCode.OK, output
    assert "connected 3 of 3" in output
    stories: dict[str, list[AnyRecord]] = defaultdict(list)
    stored.take_all_of(output)
    for message in stored.messages:
        stories[message.agent_id] += [item.record for item in message.records]
    assert set(stories) == {"sim-7-0001", "sim-7-0002", "sim-7-0003"}
    assert len(stored.reply_addresses) == 3  # a connection of its own for each
    for story in stories.values():
        in_order = sorted(story, key=lambda record: record.seq)
        assert [record.seq for record in in_order] == list(range(1, len(story) + 1))
        assert isinstance(in_order[0], Hello)
        assert isinstance(in_order[-1], Goodbye)
        assert all(isinstance(record, Snapshot) for record in in_order[1:-1])
        assert len(in_order) >= 4


def test_a_second_run_has_a_higher_epoch(start: Start, stored: Stored) -> None:
    epochs = []
    for _ in range(2):
        stored.messages = []
        stored.take_all_of(ended(start("--agents 1 --duration 1.1")))
        (hello,) = stored.records(Hello)
        epochs.append(hello.epoch)
    assert epochs[0] < epochs[1]


def test_a_silent_agent_stops_without_a_word(start: Start, stored: Stored) -> None:
    stored.take_all_of(ended(start("--agents 2 --interval 1 --duration 4 --trouble silent")))
    assert [record.agent_id for record in stored.records(Goodbye)] == ["sim-1-0002"]
    reports = [record.agent_id for record in stored.records(Snapshot)]
    assert reports.count("sim-1-0001") == CALM_REPORTS
    assert reports.count("sim-1-0002") > CALM_REPORTS


def test_a_skewed_clock_is_in_the_records(start: Start, stored: Stored) -> None:
    stored.take_all_of(ended(start("--agents 2 --duration 1 --trouble clock-skew")))
    skewed, right = sorted(stored.records(Hello), key=lambda record: record.agent_id)
    assert right.wall_seconds - skewed.wall_seconds == pytest.approx(BEHIND_SECONDS, abs=60)


def test_two_hosts_under_one_id(start: Start, stored: Stored) -> None:
    stored.take_all_of(ended(start("--agents 2 --duration 1 --trouble duplicate-id")))
    hellos = stored.records(Hello)
    assert [record.agent_id for record in hellos] == ["sim-1-0001"] * 2
    assert {record.host_name for record in hellos} == {"sim-1-0001", "sim-1-0002"}


def test_ctrl_c_says_the_goodbyes(start: Start, stored: Stored) -> None:
    process = start("--agents 5 --interval 1 --duration 1000")
    stored.take_until(lambda: len({record.agent_id for record in stored.records(Snapshot)}) == 5)
    process.send_signal(signal.SIGINT)
    output = ended(process)
    assert process.returncode == ExitCode.INTERRUPTED, output
    stored.take_until(lambda: len(stored.records(Goodbye)) == 5)
    assert {record.agent_id for record in stored.records(Goodbye)} == {f"sim-1-000{number}" for number in range(1, 6)}


def test_a_command_is_answered(start: Start, stored: Stored, channel: BlockingChannel) -> None:
    start("--agents 1 --interval 300 --duration 1000")
    stored.take_until(lambda: bool(stored.records(Snapshot)))
    command = Command(
        command_id="c-1",
        agent_id="sim-1-0001",
        kind="poll",
        issued_seconds=time.time(),
        expires_seconds=time.time() + 60,
    )
    (address,) = stored.reply_addresses
    channel.basic_publish("", address, encode_command(command), BasicProperties(type=COMMAND_TYPE))
    stored.take_until(lambda: bool(stored.records(Result)))
    (result,) = stored.records(Result)
    assert (result.command_id, result.outcome) == ("c-1", "done")
    assert [record.trigger for record in stored.records(Snapshot)] == ["interval", "poll"]


def test_a_broker_that_is_not_there_is_named(start: Start) -> None:
    process = start("--agents 2 --duration 1", AWAY)
    output = ended(process)
    assert process.returncode == ExitCode.UNREACHABLE, output
    assert "2 of them: connection refused 127.0.0.1:1" in output
    assert "confirmed 0" in output
