"""Which incidents are not opened, because what stands before their host is in trouble and people hear of that. Pure.

    every fold proposes --the whole batch at once--> explained: the check moves, its incident stays unopened (withheld)
                                                 --> not explained: all as proposed

Whatever order the records of a batch came in, it is judged by how all checks stand at its end. What is open stays open,
goes on and ends as ever. A withheld check proposes its incident anew with each live record that shows the trouble, and
counts as one that people hear of until nothing has explained it for a while: then `releases` opens it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from health.state import State
from processor.decision import Decision
from processor.findings import AGENT_SILENT
from processor.fold import still_unheard
from processor.judgement import is_open, severity_of
from processor.memory import FleetMemory
from processor.rule_set import Place
from store.behind import ABOUT_RECORDS
from store.model import Change, Check, CheckKey, IncidentChange


@dataclass(frozen=True, slots=True)
class _Trouble:
    key: CheckKey
    severity: State


def without_explained(decision: Decision, memory: FleetMemory) -> Decision:
    """The decision without what happens to incidents that are not to be opened."""
    if not memory.may_withhold or not decision.batch.incidents:
        return decision
    batch = decision.batch
    gate = _Gate(memory, batch.checks, batch.incidents)
    kept: list[IncidentChange] = []
    is_held: dict[CheckKey, bool] = {}
    for change in batch.incidents:
        key = change.key
        if change.change is Change.OPENED:
            is_held[key] = gate.holds(key)
        elif key not in is_held:
            is_held[key] = memory.is_withheld(key)
        if not is_held[key]:
            kept.append(change)
    withheld = [key for key, held in is_held.items() if held and gate.is_open(key)]
    return replace(decision, batch=replace(batch, incidents=kept), learnt=replace(decision.learnt, withheld=withheld))


def hosts_explained(memory: FleetMemory, checks: Iterable[Check], silent: Iterable[str]) -> frozenset[str]:
    """The hosts whose troubles something in front of them explains at this moment.

    `checks` are those that move at the same moment, `silent` agents whose silence has no open incident yet.
    """
    behind = memory.parents.behind
    if not behind:
        return frozenset()
    fallen = [
        Check(key=CheckKey(agent_id, *AGENT_SILENT.place), state=AGENT_SILENT.severity, since_ms=0, value=0.0)
        for agent_id in silent
    ]
    gate = _Gate(memory, [*checks, *fallen], ())
    return frozenset(agent_id for agent_id in behind.hosts if gate.is_explained(agent_id))


class _Gate:
    """How everything stands once the moved `checks` are kept, if all that is proposed were opened.

    That an explanation is itself only proposed does no harm: what explains it explains the other, too.
    """

    def __init__(self, memory: FleetMemory, checks: Iterable[Check], changes: Iterable[IncidentChange]) -> None:
        self._memory = memory
        self._moved: Mapping[str, dict[Place, Check]] = defaultdict(dict)
        self._changes: Mapping[str, list[IncidentChange]] = defaultdict(list)
        for check in checks:
            self._moved[check.key.agent_id][(check.key.rule, check.key.subject)] = check
        for change in changes:
            self._changes[change.key.agent_id].append(change)
        self._proposed = {change.key for change in changes if change.change is Change.OPENED}
        self._troubles: dict[str, list[_Trouble]] = {}

    def is_open(self, key: CheckKey) -> bool:
        check = self._checks(key.agent_id).get((key.rule, key.subject))
        return check is not None and is_open(check)

    def holds(self, key: CheckKey) -> bool:
        """Whether the incident is not to be opened; nor is one that was withheld and is over at the end."""
        if key.rule in ABOUT_RECORDS:
            return False
        if self._memory.is_withheld(key) and not self.is_open(key):
            return True
        return self.is_explained(key.agent_id)

    def is_explained(self, agent_id: str) -> bool:
        return self._memory.parents.behind.explanation(agent_id, self._troubles_of) is not None

    def _checks(self, agent_id: str) -> Mapping[Place, Check]:
        known = {**self._memory.checks(agent_id), **self._memory.findings(agent_id)}
        return {**known, **self._moved.get(agent_id, {})}

    def _troubles_of(self, agent_id: str) -> Sequence[_Trouble]:
        known = self._troubles.get(agent_id)
        if known is None:
            unheard = still_unheard(self._memory.unheard(agent_id), self._changes.get(agent_id, ()))
            known = self._troubles[agent_id] = [
                _Trouble(check.key, severity_of(check))
                for place, check in self._checks(agent_id).items()
                if is_open(check) and place not in unheard and self._is_told(check.key)
            ]
        return known

    def _is_told(self, key: CheckKey) -> bool:
        """Whether it has an incident, or is to have one, that nobody muted.

        What is overdue and not open may never open: it mends, or its rule is not in force any more.
        """
        is_overdue = key.agent_id in self._memory.overdue and self._memory.is_withheld(key)
        if is_overdue and key not in self._proposed:
            return False
        agent = self._memory.agent(key.agent_id)
        return not self._memory.parents.is_muted(key, agent.group_name if agent else "")
