"""A batch in the making: rows in the order in which they came."""

from dataclasses import dataclass, field

from processor.delivery import Delivery
from processor.judgement import RemedyFinder
from processor.ledger import Ledger
from processor.plausibility import Reason
from processor.rule_set import RuleSet
from rabbitmq.records import Loss
from rabbitmq.statement import Statement
from store.model import Agent, Batch, Check, CommandOutcome, IncidentChange, KeptRecord, KeptSnapshot, Quarantined
from store.record_account import AccountChanges, EpochAccount, EpochKey, Gap


@dataclass(slots=True)
class Draft:
    """What the records of a batch come to so far, and by which rules they are judged; `now_ms` is their receipt."""

    now_ms: int
    rules: RuleSet
    find_remedies: RemedyFinder
    agents: list[Agent] = field(default_factory=list)
    snapshots: list[KeptSnapshot] = field(default_factory=list)
    records: list[KeptRecord] = field(default_factory=list)
    repeats: list[KeptSnapshot | KeptRecord] = field(default_factory=list)
    systems: dict[str, bytes] = field(default_factory=dict)
    quarantined: list[Quarantined] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    incidents: list[IncidentChange] = field(default_factory=list)
    outcomes: list[CommandOutcome] = field(default_factory=list)
    epochs: list[EpochAccount] = field(default_factory=list)
    closed_gaps: list[tuple[EpochKey, int]] = field(default_factory=list)
    kept_gaps: list[tuple[EpochKey, Gap]] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    statements: list[tuple[str, Statement]] = field(default_factory=list)

    def quarantine(self, delivery: Delivery, why: Reason, body: bytes) -> None:
        reason, detail = why
        self.quarantined.append(
            Quarantined(
                received_ms=self.now_ms,
                routing_key=delivery.routing_key,
                message_id=delivery.message_id,
                headers=delivery.headers,
                reason=reason,
                detail=detail,
                body=body,
            )
        )

    def account(self, ledger: Ledger) -> None:
        key, changes = ledger.key, ledger.changes()
        self.epochs.append(changes.account)
        self.closed_gaps += [(key, first) for first in changes.closed]
        self.kept_gaps += [(key, gap) for gap in changes.kept]

    def batch(self, canary_sent_ms: int | None = None) -> Batch:
        return Batch(
            agents=self.agents,
            snapshots=self.snapshots,
            records=self.records,
            systems=self.systems,
            quarantined=self.quarantined,
            checks=self.checks,
            incidents=self.incidents,
            outcomes=self.outcomes,
            repeats=self.repeats,
            accounts=AccountChanges(epochs=self.epochs, closed_gaps=self.closed_gaps, kept_gaps=self.kept_gaps),
            canary_sent_ms=canary_sent_ms,
            received_ms=self.now_ms,
        )
