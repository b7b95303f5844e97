"""A hot standby takes over from a processor that died or froze; the frozen one, waking, changes nothing."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from pika.adapters.blocking_connection import BlockingChannel
from sqlalchemy import Engine

from rabbitmq.connection import BrokerAddress
from tests.brokers import SharedBroker
from tests.integration.conftest import StartProcess
from tests.integration.processor_traffic import assert_whole, numbered, publish, stored
from tests.waiting import wait_for

Consumers = Callable[[int], None]


@pytest.fixture
def consumers(shared_broker: SharedBroker, telemetry_address: BrokerAddress) -> Consumers:
    """Waits until the queue has so many."""

    def wait(count: int) -> None:
        listed = ("consumers", telemetry_address.virtual_host)
        wait_for(lambda: len(shared_broker.management.call("GET", *listed)) == count, f"{count} consumers")

    return wait


def test_a_killed_processor_is_replaced_and_the_next_one_too(
    start_processor: StartProcess, channel: BlockingChannel, store_engine: Engine, consumers: Consumers
) -> None:
    active, last = start_processor(), 0
    for standing_by in range(1, 3):
        consumers(1)
        follower = start_processor()
        consumers(2)
        publish(channel, *numbered(last + 1, last + 50))
        active.send_signal(signal.SIGKILL)
        publish(channel, *numbered(last + 51, last + 100))
        active, last = follower, 100 * standing_by
        wait_for(lambda: len(stored(store_engine)) == last, f"all {last} stored")  # noqa: B023 called at once
        assert_whole(store_engine, last)


def test_a_frozen_processor_wakes_behind_the_fence(
    start_processor: StartProcess,
    channel: BlockingChannel,
    store_engine: Engine,
    consumers: Consumers,
    tmp_path: Path,
) -> None:
    said = tmp_path / "log"
    with said.open("wb") as log:
        frozen = start_processor(
            "tests.integration.wounded_processor", "SIGSTOP", "before-transaction", "3", stdout=log
        )
    publish(channel, *numbered(1, 50))
    wait_for(lambda: os.waitid(os.P_PID, frozen.pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT), "it holds a batch")
    follower = start_processor()
    publish(channel, *numbered(51, 250))

    def all_stored() -> bool:
        channel.connection.sleep(0.05)  # serves its heartbeats
        return len(stored(store_engine)) == 250

    wait_for(all_stored, "all stored by the follower", within_seconds=120)  # heartbeats find the frozen one in 30
    frozen.send_signal(signal.SIGCONT)
    wait_for(lambda: "another processor has taken over" in said.read_text(), "the fence")
    assert_whole(store_engine, 250)
    consumers(2)
    follower.send_signal(signal.SIGKILL)
    publish(channel, *numbered(251, 300))
    wait_for(lambda: len(stored(store_engine)) == 300, "all stored by the one that froze")
    assert_whole(store_engine, 300)
