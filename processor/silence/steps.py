"""The steps of incidents about silence, as the store keeps them. Pure."""

from dataclasses import dataclass, field, replace

from health.state import State
from processor.findings import AGENT_SILENT, GROUP_SILENT, PIPELINE, Kind
from processor.judgement import RemedyFinder
from processor.memory import FleetMemory
from processor.silence.sentences import Clocks
from store.model import HUB, Change, Check, CheckKey, IncidentChange

KINDS = {kind.rule: kind for kind in (AGENT_SILENT, GROUP_SILENT, PIPELINE)}
PIPELINE_KEY = CheckKey(HUB, PIPELINE.rule, "")


def standing_check(memory: FleetMemory, key: CheckKey) -> Check | None:
    """The open check of this key."""
    return memory.findings(key.agent_id).get((key.rule, key.subject))


def silent_key(agent_id: str) -> CheckKey:
    return CheckKey(agent_id, AGENT_SILENT.rule, "")


@dataclass(frozen=True, slots=True)
class Steps:
    """Checks and changes in the making.

    Silence has no record to be ordered by. Its changes are ordered by the claim of the fence, which rises with each
    processor, and by that processor's monotonic clock.
    """

    fence_epoch: int
    clocks: Clocks
    find_remedies: RemedyFinder
    checks: list[Check] = field(default_factory=list)
    incidents: list[IncidentChange] = field(default_factory=list)
    withheld: list[CheckKey] = field(default_factory=list)

    def open(
        self, key: CheckKey, cause: str, value: float, sentence: str, *, at_ms: int | None = None, is_late: bool = False
    ) -> None:
        """`cause` chooses the remedies, `at_ms` is when it began by the wall clock: now, unless it is given."""
        kind = KINDS[key.rule]
        at_ms = self.clocks.wall_ms if at_ms is None else at_ms
        remedies = self.find_remedies(kind.rule, kind.severity, {"cause": cause})
        self.checks.append(Check(key=key, state=kind.severity, since_ms=at_ms, value=value))
        change = self._change(kind, key, Change.OPENED, value, sentence)
        self.incidents.append(replace(change, at_ms=at_ms, is_late=is_late, remedies=remedies))

    def change(self, standing: Check, change: Change, value: float, sentence: str) -> None:
        """Another sentence, while the incident stays open."""
        key = standing.key
        self.checks.append(replace(standing, value=value))
        self.incidents.append(self._change(KINDS[key.rule], key, change, value, sentence))

    def close(self, key: CheckKey, value: float, sentence: str, *, is_late: bool = False) -> None:
        self.checks.append(Check(key=key, state=State.OK, since_ms=self.clocks.wall_ms, value=value))
        closed = self._change(KINDS[key.rule], key, Change.CLOSED, value, sentence)
        self.incidents.append(replace(closed, is_late=is_late))

    def withhold(self, key: CheckKey, value: float) -> None:
        """In trouble, and without an incident: something before the host explains it."""
        severity = KINDS[key.rule].severity
        self.checks.append(Check(key=key, state=severity, since_ms=self.clocks.wall_ms, value=value))
        self.withheld.append(key)

    def forget(self, key: CheckKey) -> None:
        """The end of what had no incident."""
        self.checks.append(Check(key=key, state=State.OK, since_ms=self.clocks.wall_ms, value=0.0))

    def _change(self, kind: Kind, key: CheckKey, change: Change, value: float, sentence: str) -> IncidentChange:
        return IncidentChange(
            key=key,
            change=change,
            severity=kind.severity,
            at_ms=self.clocks.wall_ms,
            received_ms=self.clocks.wall_ms,
            epoch=self.fence_epoch,
            seq=self.clocks.monotonic_ms,
            metric=kind.metric,
            value=value,
            limit=kind.limit,
            title=kind.title,
            sentence=sentence,
        )
