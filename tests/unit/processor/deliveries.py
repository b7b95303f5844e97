"""Deliveries as agents send them, for the tests of the pipeline."""

from typing import Any

from health.state import State
from processor.decision import Decision
from processor.delivery import Delivery
from processor.lateness import CanaryTimes, write_canary
from processor.ledger import UNEXPLAINED_AFTER_MS
from processor.memory import FleetMemory
from processor.pipeline import handle_batch, pass_time
from processor.rule_files import load_rules
from processor.rule_set import RuleSet
from rabbitmq.message import Numbering, encode
from rabbitmq.records import Goodbye, Hello, Loss, Record, Result, Snapshot, encode_record
from rabbitmq.topology import CANARY_ROUTING_KEY
from store.model import FleetState, Remedy, Step

RULES = RuleSet(load_rules())
_NAMES = {"disk": 'disk.usage_percent{mount="/"}', "var_disk": 'disk.usage_percent{mount="/var"}'}
START_SECONDS = 1_790_000_000.0
TOKEN = "token"  # of this process' canaries
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


def loss(seq: int, first: int, last: int, step: int = 1, epoch: int = 1, lost_epoch: int = 1) -> Loss:
    return Loss(
        lost_epoch=lost_epoch,
        first_seq=first,
        last_seq=last,
        step=step,
        count=max((last - first) // step + 1, 1),
        size_bytes=100,
        reason="full",
        **common("web-3", seq, epoch),
    )


def goodbye(seq: int, agent_id: str = "web-3") -> Goodbye:
    return Goodbye(reason="stopped", **common(agent_id, seq))


def result(seq: int, agent_id: str = "web-3") -> Result:
    return Result(command_id="c-1", kind="poll", outcome="done", **common(agent_id, seq))


def wall_ms(seq: int) -> int:
    """When the record with this number was made."""
    return round((START_SECONDS + 5 * seq) * 1000)


def delivery(
    *records: Record, reply_to: str | None = None, numbering: Numbering | None = None, waited_seconds: float = 0.0
) -> Delivery:
    """One message with these records, all of one agent and epoch, sent so long after the last one was made."""
    sent_seconds = records[-1].wall_seconds + waited_seconds
    envelope = encode(
        records[0].agent_id,
        records[0].epoch,
        [(record.seq, encode_record(record)) for record in records],
        numbering=numbering or Numbering(records[-1].seq, 1),
        now_seconds=min(max(sent_seconds, 0.0), 2.0**31),
    )
    return Delivery(
        tag=1,
        routing_key=envelope.routing_key,
        body=envelope.body,
        message_id=envelope.message_id,
        content_encoding=envelope.content_encoding,
        reply_to=reply_to,
        timestamp_seconds=envelope.timestamp,
    )


def canary(monotonic_ms: int, token: str = TOKEN) -> Delivery:
    return Delivery(
        tag=1, routing_key=CANARY_ROUTING_KEY, body=write_canary(CanaryTimes(monotonic_ms, token, monotonic_ms))
    )


def empty_memory() -> FleetMemory:
    """A memory to which a canary has just come back: the queue is drained."""
    memory = FleetMemory(FleetState(agents={}, checks={}))
    decide(memory, canary(0))
    return memory


def decide(
    memory: FleetMemory,
    *deliveries: Delivery,
    now_ms: int | None = None,
    monotonic_ms: int = 0,
    rules: RuleSet = RULES,
) -> Decision:
    """Handle a batch and, as after a commit, remember it. Without `now_ms` it comes when its last message was sent."""
    sent_seconds = deliveries[-1].timestamp_seconds or 0
    decision = handle_batch(
        deliveries,
        memory,
        rules,
        lambda _rule, _severity, _labels: [REMEDY],
        sent_seconds * 1000 if now_ms is None else now_ms,
        monotonic_ms=monotonic_ms,
        canary_token=TOKEN,
    )
    memory.apply(decision)
    return decision


def pass_a_moment(
    memory: FleetMemory, now_ms: int, unexplained_after_ms: int = UNEXPLAINED_AFTER_MS
) -> Decision | None:
    """Let time pass and, as after a commit, remember what came of it."""
    decision = pass_time(memory, RULES, lambda *_: [REMEDY], now_ms, unexplained_after_ms=unexplained_after_ms)
    if decision is not None:
        memory.apply(decision)
    return decision


def states(decision: Decision) -> dict[str, State]:
    return {check.key.subject: check.state for check in decision.batch.checks}
