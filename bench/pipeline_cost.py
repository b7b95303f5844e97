"""Processor and broker: CPU per 1,000 snapshots, live (one a message) and from a backlog (100 a message)."""

import os
import signal
import time

import pika
from pika.adapters.blocking_connection import BlockingChannel

from bench.cost import cost_of
from bench.stage import Stage
from rabbitmq.connection import connection_parameters, message_properties
from rabbitmq.message import Numbering, encode
from rabbitmq.readings import reading_name
from rabbitmq.records import Snapshot, encode_record
from rabbitmq.topology import EXCHANGE
from store import snapshots
from store.engine import open_engine, reading
from store.flow import last_flow

READINGS = {
    **{f"bench.value_{number}": number + 0.25 for number in range(60)},
    **{reading_name("disk.usage_percent", mount=f"/{name}"): 40.0 for name in ("", "var", "home", "srv")},
    "cpu.usage_percent": 12.5,
    "memory.usage_percent": 61.0,
    "memory.available_bytes": 3_221_225_472.0,
    "swap.usage_percent": 0.0,
}


def measure(stage: Stage, agents: int, snapshots_each: int) -> list[str]:
    """Lines to print. The processor is warm and stopped while the queue is filled, so it never waits for the bench."""
    stage.run("processor", "migrate")
    processor = stage.start("processor")
    _wait_for_canary(stage)
    lines = []
    for batch, name in ((1, "live, 1 a message"), (100, "backlog, 100 a message")):
        prefix = f"bench-{batch}"
        processor_before, broker_before = cost_of(processor), cost_of(stage.broker.process_id)
        os.kill(processor, signal.SIGSTOP)
        _publish(stage, prefix, agents, snapshots_each, batch)
        os.kill(processor, signal.SIGCONT)
        began = time.monotonic()
        _wait_until_stored(stage, prefix, agents, snapshots_each)
        seconds = time.monotonic() - began
        thousands = agents * snapshots_each / 1000
        processor_ms = (cost_of(processor) - processor_before).cpu_ms / thousands
        broker_ms = (cost_of(stage.broker.process_id) - broker_before).cpu_ms / thousands
        lines.append(
            f"  {name:<24} processor {processor_ms:6.1f} ms   broker {broker_ms:6.1f} ms   per 1,000 snapshots"
            f" of {len(READINGS)} readings; {agents * snapshots_each / seconds:,.0f} snapshots/s"
        )
    return lines


def _wait_for_canary(stage: Stage) -> None:
    engine = open_engine(stage.database_url)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with reading(engine) as connection:
            if last_flow(connection):
                break
        time.sleep(0.2)
    engine.dispose()


def _publish(stage: Stage, prefix: str, agents: int, snapshots_each: int, batch: int) -> None:
    connection = pika.BlockingConnection(connection_parameters(stage.address, connection_name="bench"))
    channel = connection.channel()
    for first in range(1, snapshots_each + 1, batch):
        for agent in range(agents):
            _publish_one(channel, f"{prefix}-{agent}", first, min(batch, snapshots_each + 1 - first))
    connection.close()


def _publish_one(channel: BlockingChannel, agent_id: str, first: int, count: int) -> None:
    now = time.time()
    numbered = [(seq, _record(agent_id, seq, now)) for seq in range(first, first + count)]
    sent = encode(agent_id, 1, numbered, numbering=Numbering(first + count - 1, first), now_seconds=now)
    channel.basic_publish(EXCHANGE, sent.routing_key, sent.body, message_properties(sent))


def _record(agent_id: str, seq: int, now: float) -> bytes:
    return encode_record(
        Snapshot(
            agent_id=agent_id,
            epoch=1,
            seq=seq,
            boot_id="bench",
            wall_seconds=now + seq / 1000,
            boot_seconds=1.0 + seq,
            readings=READINGS,
            interval_seconds=5.0,
            scope="host",
        )
    )


def _wait_until_stored(stage: Stage, prefix: str, agents: int, snapshots_each: int) -> None:
    engine = open_engine(stage.database_url)
    deadline = time.monotonic() + 600
    missing = {f"{prefix}-{agent}" for agent in range(agents)}
    while missing and time.monotonic() < deadline:
        time.sleep(0.2)
        with reading(engine) as connection:
            missing -= {
                agent for agent in missing if len(snapshots.stored_sequences(connection, agent)) >= snapshots_each
            }
    engine.dispose()
    if missing:
        raise RuntimeError(f"{len(missing)} agents' snapshots were not stored within 600 s")
