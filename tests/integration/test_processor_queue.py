"""The processor and the queue: it refuses a wrong one by name, and comes back to one that went away."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from pika.adapters.blocking_connection import BlockingChannel
from sqlalchemy import Engine

from rabbitmq.accounts import set_up_accounts
from rabbitmq.connection import BrokerAddress
from rabbitmq.declare import declare_topology
from rabbitmq.management import Management
from rabbitmq.topology import EXCHANGE, PERMISSIONS, PROCESSOR_USER, QUEUE, QUEUE_ARGUMENTS
from tests.brokers import SharedBroker
from tests.integration.conftest import StartProcess
from tests.integration.processor_traffic import numbered, publish, stored
from tests.waiting import wait_for

CLASSIC = {name: value for name, value in QUEUE_ARGUMENTS.items() if "limit" not in name} | {"x-queue-type": "classic"}
on_sqlite = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)


@pytest.fixture
def management(shared_broker: SharedBroker, telemetry_address: BrokerAddress) -> Management:
    return replace(shared_broker.management, virtual_host=telemetry_address.virtual_host)


def make_queue(management: Management, arguments: dict[str, object]) -> None:
    management.call("DELETE", "queues", management.virtual_host, QUEUE)
    management.call("PUT", "queues", management.virtual_host, QUEUE, body={"durable": True, "arguments": arguments})


@on_sqlite
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (CLASSIC, "x-queue-type"),
        ({name: value for name, value in QUEUE_ARGUMENTS.items() if "single" not in name}, "x-single-active-consumer"),
        (QUEUE_ARGUMENTS | {"x-overflow": "drop-head"}, "x-overflow"),
        (QUEUE_ARGUMENTS | {"x-delivery-limit": 20}, "x-delivery-limit"),
    ],
)
def test_it_refuses_a_queue_that_differs_and_names_what_mends_it(
    arguments: dict[str, object], named: str, management: Management, start_processor: StartProcess
) -> None:
    make_queue(management, arguments)
    set_up_accounts(management, {user: user for user in PERMISSIONS})
    own_account = {"HEALTHMON_RABBITMQ_USER": PROCESSOR_USER, "HEALTHMON_RABBITMQ_PASSWORD": PROCESSOR_USER}
    refusal = start_processor(stdout=subprocess.PIPE, **own_account)
    said, _ = refusal.communicate(timeout=60)
    assert refusal.returncode == 2
    assert f"inequivalent arg '{named}' for queue '{QUEUE}'" in said.decode()
    assert "rabbitmqctl delete_queue ingest --if-empty" in said.decode()
    assert "python -m rabbitmq setup" in said.decode()
    kept = management.call("GET", "queues", management.virtual_host, QUEUE)
    assert kept["arguments"].items() >= arguments.items()


@on_sqlite
def test_it_waits_for_a_queue_that_is_missing_and_makes_none(
    management: Management, start_processor: StartProcess, channel: BlockingChannel, store_engine: Engine
) -> None:
    start_processor()
    publish(channel, *numbered(1, 3))
    wait_for(lambda: len(stored(store_engine)) == 3, "flow")
    management.call("DELETE", "queues", management.virtual_host, QUEUE)
    waiting = start_processor(stdout=subprocess.PIPE)
    assert waiting.stdout is not None
    with waiting.stdout:
        assert any(b"`python -m rabbitmq setup` makes it" in line for line in waiting.stdout)
    with pytest.raises(KeyError):
        management.call("GET", "queues", management.virtual_host, QUEUE)
    declare_topology(management)
    publish(channel, *numbered(4, 6))
    wait_for(lambda: len(stored(store_engine)) == 6, "flow again, in both")


@on_sqlite
def test_it_holds_little_however_large_the_messages_are(
    start_processor: StartProcess, channel: BlockingChannel, store_engine: Engine
) -> None:
    for _ in range(150):
        channel.basic_publish(EXCHANGE, "web-3", b'"' + b"x" * (1024 * 1024 - 2) + b'"', mandatory=True)
    process = start_processor()
    publish(channel, *numbered(1, 1))
    wait_for(lambda: stored(store_engine) == [1], "through")
    status = Path(f"/proc/{process.pid}/status").read_text()
    [peak_kibibytes] = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")]
    print(f"peak {peak_kibibytes / 1024:.0f} MiB")
    assert peak_kibibytes < 300 * 1024
