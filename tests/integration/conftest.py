"""The processor as a real process between a real broker and a real store."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from rabbitmq.connection import BrokerAddress, connection_parameters
from rabbitmq.declare import declare_topology
from tests.brokers import SharedBroker

StartProcess = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def telemetry_address(shared_broker: SharedBroker, broker_address: BrokerAddress) -> BrokerAddress:
    """A virtual host of this test with exchange, queue and binding declared."""
    declare_topology(replace(shared_broker.management, virtual_host=broker_address.virtual_host))
    return broker_address


@pytest.fixture
def channel(telemetry_address: BrokerAddress) -> Iterator[BlockingChannel]:
    """A channel with confirms on: a publish returns once the broker has it."""
    parameters = connection_parameters(telemetry_address, connection_name="test")
    parameters.heartbeat = 0  # a test that waits for something else does not answer any
    connection = pika.BlockingConnection(parameters)
    opened = connection.channel()
    opened.confirm_delivery()
    yield opened
    connection.close()


@pytest.fixture
def start_processor(telemetry_address: BrokerAddress, store_url: str) -> Iterator[StartProcess]:
    """Starts `python -m processor`, or another module with its arguments; what runs in the end is killed."""
    environment: Mapping[str, str] = {
        **os.environ,
        "HEALTHMON_DATABASE_URL": store_url,
        "HEALTHMON_RABBITMQ_PORT": str(telemetry_address.port),
        "HEALTHMON_RABBITMQ_USER": "guest",
        "HEALTHMON_RABBITMQ_PASSWORD": "guest",
        "HEALTHMON_RABBITMQ_VIRTUAL_HOST": telemetry_address.virtual_host,
    }
    started: list[subprocess.Popen[bytes]] = []

    def start(
        module: str = "processor", *arguments: str, stdout: Any = None, **changed: str
    ) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", module, *arguments]
        process = subprocess.Popen(command, env={**environment, **changed}, stdout=stdout)
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait()
