"""Incidents that come from no rule file: what the processor finds out about records and clocks.

They are kept as checks, one of a kind for an agent, so they survive a restart of the processor.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from health.state import State
from processor.judgement import RemedyFinder
from processor.rule_set import Place
from store.model import Agent, Change, Check, CheckKey, IncidentChange, Remedy


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of finding; `metric` names what is counted or measured, with its unit."""

    rule: str
    severity: State
    title: str
    metric: str
    limit: float = 0.0

    @property
    def place(self) -> Place:
        return self.rule, ""


IDENTITY_CONFLICT = Kind(
    rule="identity-conflict",
    severity=State.CRITICAL,
    title="two agents send under one id",
    metric="delivery.foreign_records",
)
RECORDS_UNEXPLAINED = Kind(
    rule="records-unexplained",
    severity=State.CRITICAL,
    title="records are missing and nobody named them as lost",
    metric="delivery.unexplained_records",
)
CLOCK_SKEW = Kind(
    rule="clock-skew",
    severity=State.WARNING,
    title="its clock is wrong",
    metric="clock.offset_seconds",
    limit=30.0,
)
AGENT_SILENT = Kind(
    rule="agent-silent",
    severity=State.CRITICAL,
    title="no data",
    metric="silence.seconds",
)
PIPELINE = Kind(
    rule="pipeline",
    severity=State.CRITICAL,
    title="records do not come through",
    metric="pipeline.trouble_seconds",
)
GROUP_SILENT = Kind(
    rule="group-silent",
    severity=State.CRITICAL,
    title="many agents fell silent together",
    metric="silence.agents",
)
SILENCE_RULES = frozenset(kind.rule for kind in (AGENT_SILENT, PIPELINE, GROUP_SILENT))
OWN_RULES = SILENCE_RULES | {kind.rule for kind in (IDENTITY_CONFLICT, RECORDS_UNEXPLAINED, CLOCK_SKEW)}


@dataclass(frozen=True, slots=True)
class Finding:
    """What is the matter with one agent at this moment, in numbers and words."""

    kind: Kind
    agent: Agent
    value: float
    sentence: str
    now_ms: int

    def opened(self, find_remedies: RemedyFinder) -> tuple[Check, IncidentChange]:
        check = Check(key=self._key, state=self.kind.severity, since_ms=self.now_ms, value=self.value)
        return check, self._change(Change.OPENED, find_remedies(self.kind.rule, self.kind.severity, {}))

    def closed(self) -> tuple[Check, IncidentChange]:
        check = Check(key=self._key, state=State.OK, since_ms=self.now_ms, value=self.value)
        return check, self._change(Change.CLOSED)

    def restated(self, since_ms: int) -> tuple[Check, IncidentChange]:
        """One that is open since then, in newer numbers."""
        check = Check(key=self._key, state=self.kind.severity, since_ms=since_ms, value=self.value)
        return check, self._change(Change.RESTATED)

    @property
    def _key(self) -> CheckKey:
        return CheckKey(self.agent.agent_id, *self.kind.place)

    def _change(self, change: Change, remedies: Sequence[Remedy] = ()) -> IncidentChange:
        """In the order of the agent's records: at the newest one."""
        return IncidentChange(
            key=self._key,
            change=change,
            severity=self.kind.severity,
            at_ms=self.now_ms,
            received_ms=self.now_ms,
            epoch=self.agent.epoch,
            seq=self.agent.seq,
            metric=self.kind.metric,
            value=self.value,
            limit=self.kind.limit,
            title=self.kind.title,
            sentence=self.sentence,
            remedies=remedies,
        )
