"""The function to read first: what a batch of deliveries means.

    deliveries -> read -> fold into agents and checks -> one Batch to keep, and what people should hear of it

Pure: facts and `now_ms` in, decisions out. The caller keeps the batch in one transaction, then acknowledges.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from processor.delivery import Delivery
from processor.fold import Circumstances, RemedyFinder, RuleSet, fold_snapshot
from processor.memory import FleetMemory, Place
from rabbitmq.message import BadMessage, ReadMessage, ReadRecord, decode
from rabbitmq.records import Goodbye, Hello, Loss, Record, Result, Snapshot
from rabbitmq.topology import CANARY_ROUTING_KEY
from store.model import (
    STALE_AFTER_INTERVALS,
    Agent,
    Batch,
    Check,
    CommandOutcome,
    IncidentChange,
    KeptRecord,
    KeptSnapshot,
    Quarantined,
)

LARGEST_MS = 2**53
LONGEST_INTERVAL_SECONDS = 300
EPOCHS_AHEAD = 1000 << 32  # an agent counts its epochs in the bits above 32, one for each spool it opens
Changes = dict[str, Any]  # fields of an Agent that a record gives new values


@dataclass(frozen=True, slots=True)
class Decision:
    """`batch` is what must be kept; the rest is for people: who is new, who said goodbye, who gave up which records."""

    batch: Batch
    joined: Sequence[Agent]
    stopped: Sequence[Agent]
    losses: Sequence[Loss]


def handle_batch(
    deliveries: Sequence[Delivery],
    memory: FleetMemory,
    rules: RuleSet,
    find_remedies: RemedyFinder,
    now_ms: int,
) -> Decision:
    """Decide what a batch of deliveries changes.

    1. A canary proves the flow and carries nothing else.
    2. A delivery that cannot be read goes to quarantine whole; a record that cannot be read goes alone.
    3. Every readable record is kept, once: its key makes a second copy harmless.
    4. A record newer than all before, by (epoch, seq), is folded into the agent's state; a late one is history only,
       but for what a hello tells of the host and how a command ended.
    """
    fold = _Fold(memory, rules, find_remedies, now_ms)
    for delivery in deliveries:
        if delivery.routing_key == CANARY_ROUTING_KEY:
            fold.take_canary(delivery)
            continue
        try:
            message = decode(
                delivery.body, routing_key=delivery.routing_key, content_encoding=delivery.content_encoding
            )
        except BadMessage as bad:
            fold.quarantine(delivery, bad.reason, bad.detail, delivery.body)
            continue
        fold.take_message(delivery, message)
    return fold.decision()


class _Fold:
    """The batch in the making: new rows over what memory holds."""

    def __init__(self, memory: FleetMemory, rules: RuleSet, find_remedies: RemedyFinder, now_ms: int) -> None:
        self._memory = memory
        self._rules = rules
        self._find_remedies = find_remedies
        self._now_ms = now_ms
        self._agents: dict[str, Agent] = {}
        self._checks: dict[str, dict[Place, Check]] = {}
        self._snapshots: list[KeptSnapshot] = []
        self._records: list[KeptRecord] = []
        self._systems: dict[str, bytes] = {}
        self._quarantined: list[Quarantined] = []
        self._incidents: list[IncidentChange] = []
        self._outcomes: list[CommandOutcome] = []
        self._canary_sent_ms: int | None = None
        self._joined: list[str] = []
        self._stopped: list[str] = []
        self._losses: list[Loss] = []

    def decision(self) -> Decision:
        batch = Batch(
            agents=tuple(self._agents.values()),
            snapshots=self._snapshots,
            records=self._records,
            systems=self._systems,
            quarantined=self._quarantined,
            checks=[check for checks in self._checks.values() for check in checks.values()],
            incidents=self._incidents,
            outcomes=self._outcomes,
            canary_sent_ms=self._canary_sent_ms,
            received_ms=self._now_ms,
        )
        return Decision(
            batch,
            joined=[self._agents[agent_id] for agent_id in self._joined],
            stopped=[self._agents[agent_id] for agent_id in self._stopped],
            losses=self._losses,
        )

    def take_canary(self, delivery: Delivery) -> None:
        try:
            sent_ms = int(delivery.body)
        except ValueError:
            self.quarantine(delivery, "invalid-canary", "a canary's body is its time in milliseconds", delivery.body)
            return
        self._canary_sent_ms = max(sent_ms, self._canary_sent_ms or 0)

    def quarantine(self, delivery: Delivery, reason: str, detail: str, body: bytes) -> None:
        self._quarantined.append(
            Quarantined(
                received_ms=self._now_ms,
                routing_key=delivery.routing_key,
                message_id=delivery.message_id,
                headers=delivery.headers,
                reason=reason,
                detail=detail,
                body=body,
            )
        )

    def take_message(self, delivery: Delivery, message: ReadMessage) -> None:
        for bad in message.bad_records:
            self.quarantine(delivery, bad.reason, bad.detail, bad.raw)
        for item in message.records:
            why = self._implausible(item.record)
            if why is not None:
                self.quarantine(delivery, *why, item.raw)
                continue
            self._keep(item)
            self._see(message.agent_id, item.record, delivery, message)

    def _implausible(self, record: Record) -> tuple[str, str] | None:
        """Reason and detail of what no agent says: an impossible clock or interval, an epoch far ahead of its last."""
        if not 0 <= record.wall_seconds * 1000 < LARGEST_MS:
            return "implausible-clock", "a wrong clock is fine, one outside any real time is not"
        if isinstance(record, Snapshot | Hello) and not 0 < record.interval_seconds <= LONGEST_INTERVAL_SECONDS:
            return (
                "implausible-interval",
                f"{record.interval_seconds:g} s, at most {LONGEST_INTERVAL_SECONDS} are allowed",
            )
        known = self._agents.get(record.agent_id) or self._memory.agent(record.agent_id)
        furthest = (known.epoch if known else 0) + EPOCHS_AHEAD
        if record.epoch > furthest:
            return "future-epoch", f"epoch {record.epoch}, later than any this agent can have reached"
        return None

    def _keep(self, item: ReadRecord) -> None:
        record = item.record
        if isinstance(record, Snapshot):
            self._snapshots.append(_kept_snapshot(record, item.unknown, self._now_ms))
        else:
            if isinstance(record, Loss):
                self._losses.append(record)
            self._records.append(
                KeptRecord(
                    agent_id=record.agent_id,
                    epoch=record.epoch,
                    seq=record.seq,
                    kind=type(record).__name__.lower(),
                    wall_ms=_ms(record.wall_seconds),
                    received_ms=self._now_ms,
                    raw=item.raw,
                )
            )

    def _see(self, agent_id: str, record: Record, delivery: Delivery, message: ReadMessage) -> None:
        agent = self._agents.get(agent_id) or self._memory.agent(agent_id)
        if agent is None:
            agent = Agent(agent_id=agent_id, first_seen_ms=self._now_ms, last_seen_ms=self._now_ms)
            self._joined.append(agent_id)
        changes: Changes = {"last_seen_ms": self._now_ms}
        if (record.epoch, record.seq) > (agent.epoch, agent.seq):
            changes["reply_to"] = delivery.reply_to or agent.reply_to
            changes["epoch"], changes["seq"] = record.epoch, record.seq
            changes["last_assigned_seq"] = max(message.numbering.last_assigned_seq, record.seq)
            changes |= _FOLDS.get(type(record), _fold_other)(self, agent, record)
        elif isinstance(record, Hello):
            changes |= self._describe(agent, record)
        elif isinstance(record, Result):
            changes |= self.fold_result(agent, record)
        self._agents[agent_id] = replace(agent, **changes)

    def fold_snapshot(self, agent: Agent, record: Snapshot) -> Changes:
        snapshot = self._snapshots[-1]
        known = {**self._memory.checks(agent.agent_id), **self._checks.get(agent.agent_id, {})}
        silence_ms = snapshot.wall_ms - (agent.snapshot_ms or snapshot.wall_ms)
        after_silence = silence_ms > STALE_AFTER_INTERVALS * max(agent.interval_ms, _ms(record.interval_seconds))
        circumstances = Circumstances(record.errors, after_silence)
        folded = fold_snapshot(snapshot, circumstances, known, self._rules, self._find_remedies)
        if folded.checks:
            moved = self._checks.setdefault(agent.agent_id, {})
            moved.update(((check.key.rule, check.key.subject), check) for check in folded.checks)
        self._incidents.extend(folded.incidents)
        return {
            "scope": record.scope,
            "interval_ms": _ms(record.interval_seconds),
            "goodbye_ms": None,
            "goodbye_reason": None,
            "snapshot_ms": snapshot.wall_ms,
            "snapshot_epoch": snapshot.epoch,
            "snapshot_seq": snapshot.seq,
            "snapshot_received_ms": self._now_ms,
        }

    def fold_hello(self, agent: Agent, record: Hello) -> Changes:
        return {
            **self._describe(agent, record),
            "scope": record.scope,
            "interval_ms": _ms(record.interval_seconds),
            "hello_ms": self._now_ms,
            "goodbye_ms": None,
            "goodbye_reason": None,
        }

    def _describe(self, agent: Agent, record: Hello) -> Changes:
        """What a hello tells of the host holds even when newer snapshots came first."""
        if record.system is not None:
            self._systems[agent.agent_id] = msgspec.json.encode(record.system)
        return {
            "host_name": record.host_name,
            "agent_version": record.agent_version,
            "has_system_info": agent.has_system_info or record.system is not None,
        }

    def fold_goodbye(self, agent: Agent, record: Goodbye) -> Changes:
        self._stopped.append(agent.agent_id)
        return {"goodbye_ms": self._now_ms, "goodbye_reason": record.reason}

    def fold_result(self, _agent: Agent, record: Result) -> Changes:
        self._outcomes.append(
            CommandOutcome(
                command_id=record.command_id,
                outcome=record.outcome,
                detail=record.detail,
                received_ms=self._now_ms,
            )
        )
        return {}


def _fold_other(_fold: _Fold, _agent: Agent, _record: Record) -> Changes:
    """Loss and log records say nothing about the present state."""
    return {}


_FOLDS: Mapping[type[Record], Callable[[_Fold, Agent, Any], Changes]] = {
    Snapshot: _Fold.fold_snapshot,
    Hello: _Fold.fold_hello,
    Goodbye: _Fold.fold_goodbye,
    Result: _Fold.fold_result,
}


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _kept_snapshot(record: Snapshot, unknown: Mapping[str, Any], now_ms: int) -> KeptSnapshot:
    extra: dict[str, Any] = {
        **unknown,
        "boot_id": record.boot_id,
        "boot_seconds": record.boot_seconds,
        "interval_seconds": record.interval_seconds,
        "scope": record.scope,
    }
    if record.errors:
        extra["errors"] = record.errors
    if record.trigger != "interval":
        extra["trigger"] = record.trigger
    return KeptSnapshot(
        agent_id=record.agent_id,
        epoch=record.epoch,
        seq=record.seq,
        wall_ms=_ms(record.wall_seconds),
        received_ms=now_ms,
        readings=record.readings,
        extra=msgspec.json.encode(extra),
    )
