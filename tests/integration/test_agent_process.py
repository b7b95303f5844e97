"""The agent as a process against a real broker: what a host sends from its start to its end."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from rabbitmq.commands import Command, encode_command
from rabbitmq.connection import BrokerAddress, connection_parameters
from rabbitmq.declare import declare_topology
from rabbitmq.message import decode
from rabbitmq.records import AnyRecord, Goodbye, Hello, Result, Snapshot
from rabbitmq.topology import QUEUE
from tests.brokers import SharedBroker
from tests.waiting import wait_for

DEADLINE_SECONDS = 60.0
NO_BROKER = BrokerAddress("127.0.0.1", 1, "guest", "guest")


class Reader:
    """Takes what arrives in the queue, one record after the other."""

    def __init__(self, channel: BlockingChannel) -> None:
        self._deliveries = channel.consume(QUEUE, auto_ack=True, inactivity_timeout=DEADLINE_SECONDS)
        self.channel = channel
        self.reply_to = ""
        self.records: list[AnyRecord] = []
        self._unread: list[AnyRecord] = []

    def until(self, kind: type[AnyRecord], **fields: object) -> AnyRecord:
        """Read on to the next record of that kind with these values."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            record = self._next_record()
            self.records.append(record)
            if isinstance(record, kind) and all(getattr(record, key) == value for key, value in fields.items()):
                return record
        raise AssertionError(f"no {kind.__name__} with {fields}, but {[type(record) for record in self.records]}")

    def send(self, command: Command) -> None:
        self.channel.basic_publish("", self.reply_to, encode_command(command))

    def _next_record(self) -> AnyRecord:
        while not self._unread:
            method, properties, body = next(self._deliveries)
            assert method is not None, f"nothing more within {DEADLINE_SECONDS:.0f} s"
            self.reply_to = properties.reply_to
            message = decode(body, routing_key=method.routing_key, content_encoding=properties.content_encoding)
            self._unread.extend(item.record for item in message.records)
        return self._unread.pop(0)


class AgentProcess:
    """`python -m agent` with settings from the environment; its log lines are kept."""

    def __init__(self, folder: Path, address: BrokerAddress, *, inside: Sequence[str] = ()) -> None:
        self._command = [*inside, sys.executable, "-m", "agent", "run"]
        self.environment = {
            **os.environ,
            "HEALTHMON_RABBITMQ_HOST": address.host,
            "HEALTHMON_RABBITMQ_PORT": str(address.port),
            "HEALTHMON_RABBITMQ_USER": address.user,
            "HEALTHMON_RABBITMQ_PASSWORD": address.password,
            "HEALTHMON_RABBITMQ_VIRTUAL_HOST": address.virtual_host,
            "HEALTHMON_STATE_DIR": str(folder),
            "HEALTHMON_INTERVAL_SECONDS": "1",
            "HEALTHMON_NAME": "web-3",
        }
        self.lines: list[str] = []
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, env=self.environment, stdout=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read_log)
        self._reader.start()

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "agent", *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)

    def status_with(self, words: str) -> "subprocess.CompletedProcess[str] | None":
        """What `status` says, once it holds the words."""
        assert self.process.poll() is None, f"the agent ended: {self.lines}"
        status = self.call("status")
        return status if words in status.stdout else None

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        code = self.process.wait(DEADLINE_SECONDS)
        self._reader.join()
        return code

    def discard(self) -> None:
        if self.process.poll() is None:
            self.end(signal.SIGKILL)

    def _read_log(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            self.lines.extend(line.rstrip("\n") for line in stream)


@pytest.fixture
def ready_address(shared_broker: SharedBroker, broker_address: BrokerAddress) -> BrokerAddress:
    declare_topology(replace(shared_broker.management, virtual_host=broker_address.virtual_host))
    return broker_address


@pytest.fixture
def reader(ready_address: BrokerAddress) -> Iterator[Reader]:
    with pika.BlockingConnection(connection_parameters(ready_address, connection_name="reader")) as connection:
        yield Reader(connection.channel())


@pytest.fixture
def agent(tmp_path: Path, ready_address: BrokerAddress) -> Iterator[AgentProcess]:
    one = AgentProcess(tmp_path, ready_address)
    yield one
    one.discard()


def command(kind: str, agent_id: str, command_id: str, arguments: dict[str, object] | None = None) -> Command:
    now = time.time()
    return Command(
        command_id=command_id,
        agent_id=agent_id,
        kind=kind,
        issued_seconds=now,
        expires_seconds=now + 60,
        arguments=arguments or {},
    )


def test_hello_first_then_snapshots_with_rates_then_goodbye(agent: AgentProcess, reader: Reader) -> None:
    reader.until(Snapshot)
    second = reader.until(Snapshot)
    assert isinstance(second, Snapshot)
    hello = reader.records[0]
    assert isinstance(hello, Hello)
    assert (hello.seq, hello.host_name, hello.interval_seconds) == (1, "web-3", 1.0)
    assert hello.system is not None
    assert {"cpu.usage_percent", "memory.available_bytes"} <= second.readings.keys()
    status = agent.call("status")
    assert (status.returncode, status.stdout.split("\n")[0].split()[:2]) == (0, ["web-3", "ok"])
    assert agent.end() == 0
    goodbye = reader.until(Goodbye)
    assert isinstance(goodbye, Goodbye)
    assert goodbye.reason == "stopped"
    assert [record.seq for record in reader.records] == list(range(1, goodbye.seq + 1))
    assert [line[8:].split("  ")[0] for line in agent.lines] == [" INFO"] * 3
    assert "first record confirmed by the broker" in agent.lines[1]
    assert agent.call("status").returncode == 1


def test_poll_reports_at_once_and_other_kinds_are_refused(agent: AgentProcess, reader: Reader) -> None:
    hello = reader.until(Hello)
    reader.send(command("poll", hello.agent_id, "c-1"))
    reader.send(command("poll", hello.agent_id, "c-1"))
    reader.send(command("reboot", hello.agent_id, "c-2"))
    reader.send(command("poll", "somebody-else", "c-3"))
    polled = reader.until(Snapshot, trigger="poll")
    assert isinstance(polled, Snapshot)
    assert "processes.total" in polled.readings
    assert reader.until(Result, command_id="c-1", outcome="done")
    assert reader.until(Result, command_id="c-2", outcome="refused")
    assert reader.until(Result, command_id="c-3", outcome="refused")
    assert agent.end(signal.SIGINT) == 0
    reader.until(Goodbye)
    assert [record.trigger for record in reader.records if isinstance(record, Snapshot)].count("poll") == 1


def test_metric_groups_are_changed_while_it_runs_and_stay_over_a_restart(agent: AgentProcess, reader: Reader) -> None:
    agent_id = reader.until(Snapshot, switched_off=[]).agent_id
    less = command("configure", agent_id, "c-1", {"interval_seconds": 2, "collectors": ["cpu", "uptime"]})
    reader.send(less)
    reader.until(Hello, collectors=["cpu", "uptime"], collectors_told=True, interval_seconds=2.0)
    told = reader.until(Result, command_id="c-1", outcome="done")
    assert isinstance(told, Result)
    assert told.detail == "reports every 2 s; measures cpu, uptime"
    snapshot = reader.until(Snapshot)
    assert isinstance(snapshot, Snapshot)
    assert {name.partition(".")[0] for name in snapshot.readings} <= {"cpu", "system"}
    assert (snapshot.errors, "disk" in snapshot.switched_off) == ({}, True)
    agent.end(signal.SIGKILL)
    agent.start()
    reader.until(Hello, collectors=["cpu", "uptime"], collectors_told=True)
    reader.send(command("configure", agent_id, "c-2", {"collectors": None}))
    reader.until(Hello, collectors_told=False)
    again = reader.until(Snapshot, switched_off=[])
    assert isinstance(again, Snapshot)
    assert "memory.usage_percent" in again.readings


def test_a_killed_agent_goes_on_with_its_id_and_its_numbers(agent: AgentProcess, reader: Reader) -> None:
    for _ in range(3):
        agent_id = reader.until(Snapshot).agent_id
        agent.end(signal.SIGKILL)
        before = max(record.seq for record in reader.records)
        agent.start()
        while reader.until(Hello).seq <= before:
            pass  # a second copy of an earlier hello, unconfirmed when the agent was killed
    agent.end()
    last = reader.until(Goodbye)
    assert {record.agent_id for record in reader.records} == {agent_id}
    assert {record.epoch for record in reader.records} == {last.epoch}
    assert {record.seq for record in reader.records} == set(range(1, last.seq + 1))


def test_without_a_hub_it_runs_says_so_and_stops_at_once(tmp_path: Path) -> None:
    lonely = AgentProcess(tmp_path, NO_BROKER)
    try:
        assert_it_waits_and_stops(lonely, f"connection refused {NO_BROKER}")
    finally:
        lonely.discard()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: makes a network namespace")
def test_without_any_network_not_even_the_loopback_it_does_the_same(tmp_path: Path) -> None:
    lonely = AgentProcess(tmp_path, NO_BROKER, inside=["unshare", "--net"])
    try:
        assert_it_waits_and_stops(lonely, f"network is unreachable {NO_BROKER}")
    finally:
        lonely.discard()


def assert_it_waits_and_stops(lonely: AgentProcess, why: str) -> None:
    """It runs, tells the cause in its status and once in its log, and ends at once with its records kept."""
    status = wait_for(lambda: lonely.status_with(why), f"a status with {why!r}")
    assert status.returncode == 0
    assert "NOT CONNECTED" in status.stdout
    assert lonely.end() == 0
    assert sum(f"hub unreachable ({why})" in line for line in lonely.lines) == 1
    assert "records kept for the next start" in lonely.lines[-1]


def test_bad_settings_end_it_with_all_problems_and_code_2(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HEALTHMON_INTERVAL_SECONDS": "0", "HEALTHMON_RABBITMQ_PORT": "none"}
    ended = subprocess.run(
        [sys.executable, "-m", "agent", "run"], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert "HEALTHMON_INTERVAL_SECONDS" in ended.stderr
    assert "HEALTHMON_RABBITMQ_PORT" in ended.stderr
    assert "Traceback" not in ended.stderr
    fresh = subprocess.run(
        [sys.executable, "-m", "agent", "status"],
        env={"PATH": os.environ["PATH"], "HEALTHMON_STATE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (fresh.returncode, fresh.stdout) == (1, "")
    assert fresh.stderr.startswith("No snapshot yet. The agent is not running here.")
