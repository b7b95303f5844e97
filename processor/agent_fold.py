"""One agent's part of a batch: its records into its account, its state and its checks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from processor import identity
from processor.check_results import close_unconfigured
from processor.clock_offset import correction_ms, measured_offset_ms
from processor.delivery import Delivery
from processor.draft import Draft
from processor.fold import Circumstances, Folded, fold_results, fold_snapshot, still_unheard, still_withheld
from processor.identity import Standing
from processor.judgement import Origin
from processor.kept_rows import kept_row, milliseconds
from processor.lateness import is_late
from processor.ledger import Ledger
from processor.memory import FleetMemory
from processor.rule_set import Place
from processor.unread import number_of_record
from processor.vanished import is_blind
from rabbitmq.message import BadRecord, Numbering, ReadRecord
from rabbitmq.records import Goodbye, Hello, Loss, Record, Result, Snapshot
from store.model import RETIRED, STALE_AFTER_INTERVALS, Agent, Check, CommandOutcome, KeptRecord, KeptSnapshot
from store.record_account import EpochAccount

Changes = dict[str, Any]  # fields of an Agent that a record gives new values
IDENTITY_CONFLICT_REASON = "identity-conflict"
STOPPED = "stopped"  # as agents say it


@dataclass(frozen=True, slots=True)
class Sending:
    """A readable message beside its records. `queue_age_ms` is None while nobody knows how full the queue is."""

    delivery: Delivery
    epoch: int
    numbering: Numbering
    queue_age_ms: int | None

    @property
    def reply_to(self) -> str:
        return self.delivery.reply_to or ""

    def is_late(self, wall_ms: int, interval_ms: int) -> bool:
        return is_late(self._spool_age_ms(wall_ms), self.queue_age_ms, interval_ms)

    def lived_ms(self, wall_ms: int, now_ms: int) -> int:
        """Until when at least the agent of a record of that time was alive, by this process' clock; 0 when unknown."""
        spool_age_ms = self._spool_age_ms(wall_ms)
        if spool_age_ms is None or self.queue_age_ms is None:
            return 0
        return now_ms - max(spool_age_ms, 0) - self.queue_age_ms

    def _spool_age_ms(self, wall_ms: int) -> int | None:
        sent = self.delivery.timestamp_seconds
        return None if sent is None else sent * 1000 - wall_ms


class AgentFold:
    """What a batch makes of one agent, over what memory holds. `findings` and `telling` take it from here."""

    def __init__(self, agent: Agent, memory: FleetMemory, draft: Draft) -> None:
        self.agent = agent  # as before the batch, but for who holds the identity
        self.position = (agent.epoch, agent.seq)
        self.snapshot_ms = agent.snapshot_ms
        self.interval_ms = agent.interval_ms
        self.offset_ms = agent.clock_offset_ms
        self.checks = dict(memory.checks(agent.agent_id))
        self.unheard = memory.unheard(agent.agent_id)
        self.withheld = memory.withheld(agent.agent_id)
        self.recent = memory.recent(agent.agent_id)
        self.moved: dict[Place, Check] = {}
        self.known_ledgers = memory.ledgers(agent.agent_id)
        self.ledgers: dict[int, Ledger] = {}  # drafts, by epoch
        self.repeats_from: dict[int, str] = {}
        self.to_be_told: dict[int, str] = {}  # by epoch: who must hear the account whatever was told before
        self.foreign_records = 0
        self.has_new_holder = False
        self.has_stopped = False
        self._changes: Changes = {}
        self._draft = draft
        self._unfolded: list[tuple[Record, KeptSnapshot | KeptRecord, Sending]] = []

    def fold_in_order(self) -> None:
        """Fold what was kept into the state, in the order of its numbers, whatever order it came in.

        One that is older than what was folded in an earlier batch is history, but for what a hello tells of the host.
        So across batches, whatever came when: checks and incidents are those of the records in their order without
        the ones that were overtaken like that, and the newest never is.
        """
        folded = (self.agent.epoch, self.agent.seq)
        for record, row, sending in sorted(self._unfolded, key=lambda item: item[0].key):
            self._fold(record, row, sending, is_newest=(record.epoch, record.seq) > folded)
        self._unfolded.clear()

    @property
    def row(self) -> Agent:
        """The agent as it is now."""
        return replace(self.agent, **self._changes) if self._changes else self.agent

    def ledger(self, epoch: int) -> Ledger:
        """The draft of the epoch's account."""
        draft = self.ledgers.get(epoch)
        if draft is None:
            known = self.known_ledgers.get(epoch)
            draft = known.draft() if known else Ledger(EpochAccount(agent_id=self.agent.agent_id, epoch=epoch))
            self.ledgers[epoch] = draft
        return draft

    def knows_epoch(self, epoch: int) -> bool:
        return epoch in self.known_ledgers or epoch in self.ledgers

    def account_for_bad(self, bad: BadRecord, epoch: int) -> None:
        """A record of a message went to quarantine; its number is believed as far as numbers are known."""
        seq = number_of_record(bad.raw, self.agent.agent_id, epoch)
        if seq is not None and self.knows_epoch(epoch) and seq <= self.ledger(epoch).assigned_seq:
            self.ledger(epoch).quarantine(range(seq, seq + 1), bad.reason, self._draft.now_ms)

    def take(self, items: Sequence[ReadRecord], sending: Sending) -> None:
        """Take in a message's records and what it tells of the numbering.

        1. A later start than the one that held the identity takes it over.
        2. What another start assigned meanwhile goes to quarantine; so does all it says of the numbering.
        3. A record under a number that is stored is compared by the store, and changes nothing else.
        4. Each other record is kept. A newer one than all before, by (epoch, seq), is folded into the state.
        """
        numbering, now_ms = sending.numbering, self._draft.now_ms
        who = self._standing(numbering)
        if who is not Standing.HOLDER:
            self._meet(who, sending)
        elif sending.epoch < self.position[0]:
            self._remind(sending)
        for item in items:
            record = item.record
            ledger = self.ledger(record.epoch)
            if who is Standing.OTHER and self._is_foreign(record, ledger):
                self._refuse(item, ledger, sending)
                continue
            row = kept_row(item, now_ms)
            if ledger.see(record.seq, now_ms):
                self._keep(record, row, sending)
            else:
                self._draft.repeats.append(row)
                self.repeats_from[record.epoch] = sending.reply_to
        if who is not Standing.OTHER:
            self.ledger(sending.epoch).hear(
                last_assigned_seq=numbering.last_assigned_seq,
                oldest_kept_seq=numbering.oldest_kept_seq,
                oldest_unconfirmed_seq=numbering.oldest_unconfirmed_seq,
                now_ms=now_ms,
            )

    def _standing(self, numbering: Numbering) -> Standing:
        if numbering.instance in ("", self.agent.instance):
            return Standing.HOLDER  # nearly all messages
        known = self.ledgers.get(numbering.instance_epoch) or self.known_ledgers.get(numbering.instance_epoch)
        return identity.standing(self.agent, numbering, known.assigned_seq if known else 0)

    def _meet(self, who: Standing, sending: Sending) -> None:
        """Another start than the holder hears at once how far the account is, and of an epoch above its own.

        One that was restored from an old copy, or whose earlier start had gone on in memory, knows by it to begin a
        higher epoch. Not while the holder lives: two copies would take the identity from each other for ever.
        """
        if self.agent.instance:
            told = {sending.epoch}
            if who is Standing.SUCCESSOR or not self.agent.is_connected(self._draft.now_ms):
                told.add(max([sending.epoch, *self.known_ledgers, *self.ledgers]))
            for epoch in told:
                self.ledger(epoch)
                self.to_be_told[epoch] = sending.reply_to
        if who is Standing.SUCCESSOR:
            self.has_new_holder = bool(self.agent.instance)
            self.agent = replace(
                self.agent,
                instance=sending.numbering.instance,
                instance_epoch=sending.numbering.instance_epoch,
                instance_seq=sending.numbering.instance_seq,
            )

    def _remind(self, sending: Sending) -> None:
        """A start that goes on below a known epoch may have missed the statement that told it so."""
        if sending.reply_to not in ("", self._changes.get("reply_to", self.agent.reply_to)):
            self.ledger(self.position[0])
            self.to_be_told[self.position[0]] = sending.reply_to

    def _is_foreign(self, record: Record, ledger: Ledger) -> bool:
        return not ledger.has_stored(record.seq) and not identity.is_before(self.agent, record.epoch, record.seq)

    def _refuse(self, item: ReadRecord, ledger: Ledger, sending: Sending) -> None:
        record = item.record
        detail = (
            f"epoch {record.epoch}, seq {record.seq} is of a start of the agent that does not hold the identity: "
            "its state folder was copied or restored. Delete the copy: its agent joins as one of its own."
        )
        self._draft.quarantine(sending.delivery, (IDENTITY_CONFLICT_REASON, detail), item.raw)
        # numbers that the holder has still to assign stay the holder's
        if record.epoch != self.agent.instance_epoch or record.seq <= ledger.assigned_seq:
            ledger.quarantine(range(record.seq, record.seq + 1), IDENTITY_CONFLICT_REASON, self._draft.now_ms)
        self.foreign_records += 1

    def _keep(self, record: Record, row: KeptSnapshot | KeptRecord, sending: Sending) -> None:
        if (record.epoch, record.seq) > self.position:
            self._advance(record, sending)
        if isinstance(row, KeptRecord):
            self._draft.records.append(row)
        else:
            self._draft.snapshots.append(row)
        if type(record) in _AT_ONCE:
            _AT_ONCE[type(record)](self, record)
        self._unfolded.append((record, row, sending))

    def _fold(self, record: Record, row: KeptSnapshot | KeptRecord, sending: Sending, *, is_newest: bool) -> None:
        interval_ms = milliseconds(record.interval_seconds) if isinstance(record, Snapshot) else self.interval_ms
        is_late = sending.is_late(row.wall_ms, interval_ms)
        lived_ms = sending.lived_ms(row.wall_ms, self._draft.now_ms) if is_late else self._draft.now_ms
        if lived_ms > self._changes.get("last_seen_ms", self.agent.last_seen_ms) or not is_late:
            self._changes["last_seen_ms"] = lived_ms
        if isinstance(record, Hello):
            self.fold_hello(record, is_newest=is_newest)
        elif is_newest and isinstance(record, Goodbye):
            self.fold_goodbye(record)
        elif is_newest and isinstance(record, Snapshot) and isinstance(row, KeptSnapshot):
            if not is_late:
                self._measure_clock(row.wall_ms, sending)
            self._fold_snapshot(record, row, lived_ms, is_late)

    def _advance(self, record: Record, sending: Sending) -> None:
        self.position = (record.epoch, record.seq)
        changes = self._changes
        changes["epoch"], changes["seq"] = record.epoch, record.seq
        changes["last_assigned_seq"] = max(sending.numbering.last_assigned_seq, record.seq)
        if sending.delivery.reply_to:
            changes["reply_to"] = sending.delivery.reply_to

    def _fold_snapshot(self, record: Snapshot, row: KeptSnapshot, lived_ms: int, is_late: bool) -> None:
        interval_ms, changes = milliseconds(record.interval_seconds), self._changes
        known_ms = changes.get("snapshot_received_ms", self.agent.snapshot_received_ms) or 0
        if lived_ms > known_ms or not is_late:
            changes["snapshot_received_ms"] = lived_ms
        self._judge(record, row, is_late)
        self.snapshot_ms, self.interval_ms = row.wall_ms, interval_ms
        changes["scope"], changes["interval_ms"] = record.scope, interval_ms
        changes["is_blind"] = is_blind(record.errors, self._draft.rules, self._group)
        changes["goodbye_ms"] = changes["goodbye_reason"] = None
        changes["snapshot_ms"], changes["snapshot_epoch"], changes["snapshot_seq"] = row.wall_ms, row.epoch, row.seq

    def _measure_clock(self, wall_ms: int, sending: Sending) -> None:
        now_ms = self._draft.now_ms
        waited_ms = now_ms - sending.lived_ms(wall_ms, now_ms)
        self.offset_ms = measured_offset_ms(self.offset_ms, wall_ms, now_ms, waited_ms)
        self._changes["clock_offset_ms"] = self.offset_ms

    def _judge(self, record: Snapshot, row: KeptSnapshot, is_late: bool) -> None:
        interval_ms = milliseconds(record.interval_seconds)
        silence_ms = row.wall_ms - (self.snapshot_ms or row.wall_ms)
        circumstances = Circumstances(
            errors=record.errors,
            after_silence=silence_ms > STALE_AFTER_INTERVALS * max(self.interval_ms, interval_ms),
            is_late=is_late,
            correction_ms=correction_ms(self.offset_ms),
            first_seen_ms=self.agent.first_seen_ms,
            group=self._group,
            unheard=self.unheard,
            withheld=self.withheld,
            recent=self.recent,
            switched_off=record.switched_off,
        )
        find_remedies = self._draft.find_remedies
        self._take_over(fold_snapshot(row, circumstances, self.checks, self._draft.rules, find_remedies))
        if record.checks:
            circumstances = replace(circumstances, unheard=self.unheard, withheld=self.withheld, recent=self.recent)
            self._take_over(fold_results(record.checks, row, circumstances, self.checks, find_remedies))

    def _take_over(self, folded: Folded) -> None:
        for check in folded.checks:
            place = (check.key.rule, check.key.subject)
            self.checks[place] = self.moved[place] = check
        self._draft.incidents.extend(folded.incidents)
        self.unheard = still_unheard(self.unheard, folded.incidents)
        self.withheld = still_withheld(self.withheld, folded.incidents)
        self.recent = folded.recent

    @property
    def _group(self) -> str:
        group: str = self._changes.get("group_name", self.agent.group_name)
        return group

    def fold_hello(self, record: Hello, *, is_newest: bool) -> None:
        """What a hello tells of the host holds even when newer snapshots came first."""
        if record.system is not None:
            self._draft.systems[self.agent.agent_id] = msgspec.json.encode(record.system)
            self._changes["has_system_info"] = True
        self._changes["host_name"], self._changes["agent_version"] = record.host_name, record.agent_version
        if not is_newest:
            return
        self._close_unconfigured(record)
        self.interval_ms = milliseconds(record.interval_seconds)
        self._changes |= {
            "scope": record.scope,
            "interval_ms": self.interval_ms,
            "hello_ms": self._draft.now_ms,
            "goodbye_ms": None,
            "goodbye_reason": None,
            "group_name": record.group,
            "labels": record.labels,
            "collectors": record.collectors,
            "collectors_told": record.collectors_told,
        }

    def _close_unconfigured(self, record: Hello) -> None:
        now_ms, wall_ms = self._draft.now_ms, milliseconds(record.wall_seconds)
        origin = Origin(
            agent_id=record.agent_id,
            epoch=record.epoch,
            seq=record.seq,
            received_ms=now_ms,
            correction_ms=correction_ms(self.offset_ms),
        )
        ended = close_unconfigured(record.checks, self.checks, self._draft.rules, wall_ms, origin)
        checks = [step.check for step in ended if step.check is not None]
        self._take_over(Folded(checks, [change for step in ended for change in step.incidents], self.recent))

    def fold_goodbye(self, record: Goodbye) -> None:
        self.has_stopped = True
        reason = STOPPED if record.reason == RETIRED else record.reason  # only people retire a host
        self._changes |= {"goodbye_ms": self._draft.now_ms, "goodbye_reason": reason}

    def fold_result(self, record: Result) -> None:
        outcome = CommandOutcome(
            command_id=record.command_id,
            outcome=record.outcome,
            detail=record.detail,
            received_ms=self._draft.now_ms,
        )
        self._draft.outcomes.append(outcome)

    def fold_loss(self, record: Loss) -> None:
        self._draft.losses.append(record)
        numbers = range(record.first_seq, record.last_seq + 1, record.step)
        self.ledger(record.lost_epoch).declare(numbers, record.reason, self._draft.now_ms)


_AT_ONCE: Mapping[type[Record], Callable[[AgentFold, Any], None]] = {
    Result: AgentFold.fold_result,  # how a command ended and what is lost holds whenever it is heard
    Loss: AgentFold.fold_loss,
}
