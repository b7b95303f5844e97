"""The processor between a real broker and a real store stores or names every record, whatever happens to it."""

import random
import signal

from pika.adapters.blocking_connection import BlockingChannel
from sqlalchemy import Engine, text

from rabbitmq.connection import BrokerAddress, message_properties
from rabbitmq.message import MAX_RECORD_BYTES
from rabbitmq.topology import EXCHANGE
from store import agents, flow, quarantine
from store.engine import reading, transaction
from tests.brokers import SharedBroker
from tests.integration.conftest import StartProcess
from tests.integration.processor_traffic import AGENT, envelope, publish, ready, stored
from tests.unit.processor.deliveries import snapshot
from tests.waiting import wait_for


def test_killed_at_random_instants_it_stores_every_snapshot_once(
    start_processor: StartProcess, channel: BlockingChannel, store_engine: Engine
) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    process = start_processor()
    seq = 0
    for _ in range(4):
        target = seq + chance.randint(50, 200)
        while seq < target:
            seq += 1
            publish(channel, envelope(snapshot(seq, cpu=float(seq))))
        reached = chance.randint(seq // 2, seq)
        wait_for(lambda: len(stored(store_engine)) >= reached, f"{reached} stored")  # noqa: B023 called at once
        process.send_signal(signal.SIGKILL)
        process.wait()
        process = start_processor()
    wait_for(lambda: len(stored(store_engine)) >= seq, f"all {seq} stored")
    assert stored(store_engine) == list(range(1, seq + 1))


def test_duplicates_are_absorbed(start_processor: StartProcess, channel: BlockingChannel, store_engine: Engine) -> None:
    start_processor()
    sent = [envelope(snapshot(seq, cpu=1.0)) for seq in range(1, 21)]
    publish(channel, *sent, *sent[5:], *reversed(sent), envelope(snapshot(21, cpu=1.0)))
    wait_for(lambda: 21 in stored(store_engine), "the last one stored")
    assert stored(store_engine) == list(range(1, 22))


def test_rubbish_is_quarantined_with_its_bytes_and_stops_nothing(
    start_processor: StartProcess, channel: BlockingChannel, store_engine: Engine
) -> None:
    start_processor()
    good = envelope(snapshot(1, cpu=1.0))
    bodies = [
        b"",
        b"{",
        b"\xff\x00\xfe",
        b'{"version":NaN}',
        b'{"version":99}',
        b'{"version":1,"x":' + b"[" * 50_000,
        good.body.replace(b"web-3", b"db-1"),
        good.body.replace(b'"cpu":1.0', b'"cpu":"much"'),
        good.body.replace(b'"scope":"host"', b'"scope":"\\u0000"'),
        good.body.replace(b'"scope":"host"', b'"scope":"' + b"h" * MAX_RECORD_BYTES + b'"'),
    ]
    for body in bodies:
        channel.basic_publish(EXCHANGE, AGENT, body, message_properties(good), mandatory=True)
    publish(channel, good)
    wait_for(lambda: stored(store_engine) == [1], "the good one stored")
    with reading(store_engine) as connection:
        kept = [quarantine.get(connection, entry.no) for entry in quarantine.list_entries(connection, None, 100)]
    assert len(kept) == len(bodies)
    assert {item.body for item in kept if item and item.reason} >= set(bodies[:6])


def test_a_second_processor_stands_by_and_takes_over(
    start_processor: StartProcess,
    channel: BlockingChannel,
    store_engine: Engine,
    shared_broker: SharedBroker,
    telemetry_address: BrokerAddress,
) -> None:
    first = start_processor()
    publish(channel, envelope(snapshot(1, cpu=1.0)))
    wait_for(lambda: stored(store_engine) == [1], "the first stores")
    start_processor()
    consumers = ("consumers", telemetry_address.virtual_host)
    wait_for(lambda: len(shared_broker.management.call("GET", *consumers)) == 2, "two consumers")
    first.send_signal(signal.SIGKILL)
    publish(channel, envelope(snapshot(2, cpu=1.0)))
    wait_for(lambda: stored(store_engine) == [1, 2], "the second stores")


def test_a_locked_database_loses_nothing(
    start_processor: StartProcess, channel: BlockingChannel, store_engine: Engine
) -> None:
    start_processor()
    publish(channel, envelope(snapshot(1, cpu=1.0)))
    wait_for(lambda: stored(store_engine) == [1], "flow")
    with transaction(store_engine) as connection:
        if store_engine.dialect.name == "postgresql":
            connection.execute(text("LOCK TABLE snapshot IN ACCESS EXCLUSIVE MODE"))
        publish(channel, *[envelope(snapshot(seq, cpu=1.0)) for seq in range(2, 50)])
        wait_for(lambda: ready(channel) == 0, "the processor holds all of them")
    wait_for(lambda: len(stored(store_engine)) == 49, "all stored after the lock")


def test_the_canary_goes_through(start_processor: StartProcess, store_engine: Engine) -> None:
    start_processor()

    def came_through() -> bool:
        with reading(store_engine) as connection:
            last = flow.last_flow(connection)
            return last is not None and last.stored_ms >= last.sent_ms and not agents.list_agents(connection, None, 9)

    wait_for(came_through, "a canary in the store, and no agent by its name")
