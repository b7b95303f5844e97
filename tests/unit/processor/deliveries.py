"""Deliveries as agents send them, for the tests of the pipeline."""

from typing import Any

from processor.delivery import Delivery
from processor.fold import RuleSet
from processor.memory import FleetMemory
from processor.pipeline import Decision, handle_batch
from processor.rule_files import load_rules
from rabbitmq.message import Numbering, encode
from rabbitmq.records import Goodbye, Hello, Record, Result, Snapshot, encode_record
from store.model import FleetState, Remedy, State, Step

RULES = RuleSet(load_rules())
_NAMES = {"disk": 'disk.usage_percent{mount="/"}', "var_disk": 'disk.usage_percent{mount="/var"}'}
START_SECONDS = 1_790_000_000.0
REMEDY = Remedy(
    slug="disk-full", title="Disk full", confidence="exact", reason="rule", steps=[Step(text="Free space.")]
)


def common(agent_id: str, seq: int, epoch: int = 1) -> dict[str, Any]:
    return {
        "agent_id": agent_id,
        "epoch": epoch,
        "seq": seq,
        "boot_id": "boot",
        "wall_seconds": START_SECONDS + 5 * seq,
        "boot_seconds": 100.0 + 5 * seq,
    }


def snapshot(seq: int, agent_id: str = "web-3", epoch: int = 1, **readings: float) -> Snapshot:
    """A snapshot; `disk` and `var_disk` stand for the usage of / and /var in per cent."""
    named = {_NAMES.get(name, name): value for name, value in readings.items()}
    return Snapshot(readings=named, interval_seconds=5.0, scope="host", **common(agent_id, seq, epoch))


def readings(seq: int, named: dict[str, float]) -> Snapshot:
    return Snapshot(readings=named, interval_seconds=5.0, scope="host", **common("web-3", seq))


def hello(seq: int, agent_id: str = "web-3", epoch: int = 1) -> Hello:
    return Hello(
        agent_version="0.1.0",
        host_name=f"host of {agent_id}",
        scope="host",
        interval_seconds=5.0,
        **common(agent_id, seq, epoch),
    )


def goodbye(seq: int, agent_id: str = "web-3") -> Goodbye:
    return Goodbye(reason="stopped", **common(agent_id, seq))


def result(seq: int, agent_id: str = "web-3") -> Result:
    return Result(command_id="c-1", kind="poll", outcome="done", **common(agent_id, seq))


def delivery(*records: Record, reply_to: str | None = None) -> Delivery:
    """One message with these records, all of one agent and epoch."""
    envelope = encode(
        records[0].agent_id,
        records[0].epoch,
        [(record.seq, encode_record(record)) for record in records],
        numbering=Numbering(records[-1].seq, 1),
        now_seconds=START_SECONDS,
    )
    return Delivery(
        tag=1,
        routing_key=envelope.routing_key,
        body=envelope.body,
        message_id=envelope.message_id,
        content_encoding=envelope.content_encoding,
        reply_to=reply_to,
    )


def empty_memory() -> FleetMemory:
    return FleetMemory(FleetState(agents={}, checks={}))


def decide(memory: FleetMemory, *deliveries: Delivery, now_ms: int = 1_000) -> Decision:
    """Handle a batch and, as after a commit, remember it."""
    decision = handle_batch(deliveries, memory, RULES, lambda _rule, _severity, _labels: [REMEDY], now_ms)
    memory.apply(decision.batch)
    return decision


def states(decision: Decision) -> dict[str, State]:
    return {check.key.subject: check.state for check in decision.batch.checks}
