"""Processor and broker: CPU per 1,000 snapshots, live (one a message) and from a backlog (100 a message)."""

import os
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pika
from pika.adapters.blocking_connection import BlockingChannel

from bench.cost import BEFORE, Cost, cost_of
from bench.stage import Stage
from bench.stores import Server
from rabbitmq.connection import connection_parameters, message_properties
from rabbitmq.message import Numbering, encode
from rabbitmq.readings import reading_name
from rabbitmq.records import Snapshot, encode_record
from rabbitmq.topology import EXCHANGE
from store import snapshots
from store.engine import open_engine, reading
from store.flow import last_flow

AGENTS = 20
READINGS = {
    **{f"bench.value_{number}": number + 0.25 for number in range(60)},
    **{reading_name("disk.usage_percent", mount=f"/{name}"): 40.0 for name in ("", "var", "home", "srv")},
    "cpu.usage_percent": 12.5,
    "memory.usage_percent": 61.0,
    "memory.available_bytes": 3_221_225_472.0,
    "swap.usage_percent": 0.0,
}


@dataclass(frozen=True, slots=True)
class Load:
    """So many snapshots of each agent, `batch` a message. `before_ms` is the processor's CPU per 1,000 of them on
    SQLite, and before it kept an account of records.
    """

    name: str
    batch: int
    snapshots_each: int
    before_ms: float


@dataclass(frozen=True, slots=True)
class _Costs:
    """What the programs of a pipeline have cost so far."""

    processor: Cost
    broker: Cost
    server: Cost

    def __sub__(self, earlier: "_Costs") -> "_Costs":
        return _Costs(self.processor - earlier.processor, self.broker - earlier.broker, self.server - earlier.server)


def loads(factor: int) -> list[Load]:
    """Live and from a backlog; the more snapshots, the steadier the figures."""
    return [Load("live, 1 a message", 1, 200 * factor, 118.0), Load("backlog, 100 a message", 100, 1000 * factor, 76.0)]


def measure(stage: Stage, loads: Sequence[Load], server: Server | None = None) -> Iterator[str]:
    """Lines to print. The processor is warm and stopped while the queue is filled, so it never waits for the bench."""
    if server is not None:
        stage.database_url = server.url
    stage.run("processor", "migrate")
    processor = stage.start("processor")
    _wait_for_canary(stage)

    def costs() -> _Costs:
        of_server = cost_of(server.process_id) if server else Cost(0.0, 0)
        return _Costs(cost_of(processor), cost_of(stage.broker.process_id), of_server)

    for load in loads:
        before = costs()
        os.kill(processor, signal.SIGSTOP)
        _publish(stage, load)
        os.kill(processor, signal.SIGCONT)
        _wait_until_stored(stage, load)
        yield from _lines(load, costs() - before, server)


def _lines(load: Load, costs: _Costs, server: Server | None) -> list[str]:
    thousands = AGENTS * load.snapshots_each / 1000
    processor_ms, broker_ms = costs.processor.cpu_ms / thousands, costs.broker.cpu_ms / thousands
    told = f"  {load.name:<24} processor {processor_ms:6.1f} ms   broker {broker_ms:6.1f} ms"
    if server is not None:
        return [f"{told}   server {costs.server.cpu_ms / thousands:6.1f} ms   {_rate(processor_ms)}"]
    share = processor_ms / load.before_ms
    return [f"{told}   {_rate(processor_ms)}", f"  {'':<24} {share:.2f} of the {load.before_ms:.0f} ms {BEFORE}"]


def _rate(processor_ms: float) -> str:
    return f"{1_000_000 / processor_ms:7,.0f} snapshots per second of the processor's CPU"


def _wait_for_canary(stage: Stage) -> None:
    engine = open_engine(stage.database_url)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with reading(engine) as connection:
            if last_flow(connection):
                break
        time.sleep(0.2)
    engine.dispose()


def _agents(load: Load) -> list[str]:
    return [f"bench-{load.batch}-{number}" for number in range(AGENTS)]


def _publish(stage: Stage, load: Load) -> None:
    connection = pika.BlockingConnection(connection_parameters(stage.address, connection_name="bench"))
    channel = connection.channel()
    for first in range(1, load.snapshots_each + 1, load.batch):
        for agent_id in _agents(load):
            _publish_one(channel, agent_id, first, min(load.batch, load.snapshots_each + 1 - first))
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


def _wait_until_stored(stage: Stage, load: Load) -> None:
    engine = open_engine(stage.database_url)
    deadline = time.monotonic() + 600
    missing = set(_agents(load))
    while missing and time.monotonic() < deadline:
        time.sleep(0.2)
        with reading(engine) as connection:
            missing -= {
                agent for agent in missing if len(snapshots.stored_sequences(connection, agent)) >= load.snapshots_each
            }
    engine.dispose()
    if missing:
        raise RuntimeError(f"{len(missing)} agents' snapshots were not stored within 600 s")
