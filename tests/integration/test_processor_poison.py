"""A message that kills every process that reads it ends in quarantine, unread and alone."""

import signal

from pika.adapters.blocking_connection import BlockingChannel
from sqlalchemy import Engine

from store import quarantine, quarantine_intake
from store.engine import reading, transaction
from store.model import Quarantined
from tests.integration.conftest import StartProcess
from tests.integration.processor_traffic import AGENT, assert_whole, envelope, numbered, publish, stored
from tests.unit.processor.deliveries import snapshot
from tests.waiting import wait_for

MOST_CRASHES = 4


def test_poison_kills_four_times_at_most_and_takes_no_neighbour_along(
    start_processor: StartProcess, channel: BlockingChannel, store_engine: Engine
) -> None:
    wounded = ("tests.integration.wounded_processor", "SIGKILL", "reading-poison", "1")
    publish(channel, *numbered(1, 60), envelope(snapshot(61, poison=1.0)), *numbered(62, 120))
    crashes, process = 0, start_processor(*wounded)
    while len(stored(store_engine)) < 119:
        channel.connection.sleep(0.05)  # serves its heartbeats
        if process.poll() is not None:
            crashes += 1
            assert crashes <= MOST_CRASHES, "the poison is not isolated"
            process = start_processor(*wounded)
    publish(channel, *numbered(121, 400))  # many at a time again
    wait_for(lambda: len(stored(store_engine)) == 399, "the rest stored")
    assert process.poll() is None
    assert_whole(store_engine, 400, quarantined=1)
    with reading(store_engine) as connection:
        [entry] = quarantine.list_entries(connection, None, 10)
        kept = quarantine.get(connection, entry.no)
    assert kept is not None
    assert (kept.reason, kept.body) == ("killed-the-processor", envelope(snapshot(61, poison=1.0)).body)
    assert crashes == MOST_CRASHES


def test_a_message_that_came_back_often_and_is_harmless_is_stored(
    start_processor: StartProcess, channel: BlockingChannel, store_engine: Engine
) -> None:
    publish(channel, *numbered(1, 50))
    for _ in range(3):
        start_processor("tests.integration.wounded_processor", "SIGKILL", "before-transaction", "1").wait(60)
    start_processor()
    wait_for(lambda: len(stored(store_engine)) == 50, "all stored")
    assert_whole(store_engine, 50)


def test_a_redriven_message_is_stored_and_leaves_the_quarantine(
    start_processor: StartProcess, channel: BlockingChannel, store_engine: Engine
) -> None:
    with transaction(store_engine) as connection:
        quarantine_intake.add(connection, [held(envelope(snapshot(2, poison=1.0)).body), held(b"rubbish")])
        assert quarantine.request_redrive(connection, "killed-the-processor", 1) == 2
    start_processor()
    publish(channel, *numbered(1, 1), *numbered(3, 3))
    wait_for(lambda: stored(store_engine) == [1, 2, 3], "the redriven one stored")
    wait_for(lambda: reasons(store_engine) == ["not-json"], "the other one stays, with why this time")


def test_a_redriven_message_that_kills_does_so_once(
    start_processor: StartProcess, channel: BlockingChannel, store_engine: Engine
) -> None:
    with transaction(store_engine) as connection:
        quarantine_intake.add(connection, [held(envelope(snapshot(2, poison=1.0)).body)])
        quarantine.request_redrive(connection, "killed-the-processor", 1)
    wounded = ("tests.integration.wounded_processor", "SIGKILL", "reading-poison", "1")
    publish(channel, *numbered(1, 1))
    assert start_processor(*wounded).wait(60) == -signal.SIGKILL
    second = start_processor(*wounded)
    publish(channel, *numbered(3, 3))
    wait_for(lambda: 3 in stored(store_engine), "a second life")
    with transaction(store_engine) as connection:  # taken up after the first one, if that were asked for still
        quarantine_intake.add(connection, [held(b"rubbish")])
        quarantine.request_redrive(connection, [2], 1)
    wait_for(lambda: sorted(reasons(store_engine)) == ["killed-the-processor", "not-json"], "the other one tried")
    assert second.poll() is None


def held(body: bytes) -> Quarantined:
    return Quarantined(
        received_ms=len(body),
        routing_key=AGENT,
        message_id=None,
        headers={},
        reason="killed-the-processor",
        detail="",
        body=body,
    )


def reasons(engine: Engine) -> list[str]:
    with reading(engine) as connection:
        return [entry.reason for entry in quarantine.list_entries(connection, None, 100)]
