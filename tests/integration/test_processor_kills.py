"""kill -9 at each boundary between a message and its acknowledgement: nothing lost or twice, the account closes."""

import signal

import pytest
from pika.adapters.blocking_connection import BlockingChannel
from sqlalchemy import Engine

from rabbitmq.connection import REPLY_ADDRESS
from tests.integration.conftest import StartProcess
from tests.integration.processor_traffic import assert_whole, numbered, publish, stored
from tests.waiting import wait_for

BOUNDARIES = [
    ("after-get", 1),
    ("after-get", 70),
    ("before-decision", 2),
    ("after-decision", 2),
    ("before-transaction", 2),
    ("before-commit", 2),
    ("after-commit", 2),
    ("before-acknowledgement", 2),
    ("after-acknowledgement", 2),
    ("before-statement", 1),
    ("after-statement", 1),
]
LAST = 250


@pytest.fixture
def listening_channel(channel: BlockingChannel) -> BlockingChannel:
    """An agent's: what is published on it may name the reply address."""
    channel.basic_consume(REPLY_ADDRESS, lambda *_: None, auto_ack=True)
    return channel


@pytest.mark.parametrize(("boundary", "nth"), BOUNDARIES)
def test_killed_at_a_boundary_it_stores_everything_once(
    boundary: str,
    nth: int,
    start_processor: StartProcess,
    listening_channel: BlockingChannel,
    store_engine: Engine,
) -> None:
    wounded = start_processor("tests.integration.wounded_processor", "SIGKILL", boundary, str(nth))
    publish(listening_channel, *numbered(1, LAST), reply_to=REPLY_ADDRESS)
    assert wounded.wait(60) == -signal.SIGKILL
    start_processor()
    wait_for(lambda: len(stored(store_engine)) >= LAST, "all stored")
    assert_whole(store_engine, LAST)
