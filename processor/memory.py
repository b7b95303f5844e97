"""What the processor remembers between batches: each agent as last seen, its checks, findings and accounts."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from health.state import is_worse
from processor.check_results import CHECK_RULE
from processor.decision import Decision, Senders
from processor.findings import OWN_RULES
from processor.fold import still_unheard
from processor.judgement import is_open
from processor.ledger import Ledger
from processor.parents import NO_PARENTS
from processor.recent import NOTHING, Recent
from processor.rule_set import Place
from store.model import Agent, Change, Check, CheckKey, FleetState, IncidentChange, Quarantined


def mends(check: Check) -> bool:
    """Whether something better was observed and does not count yet; only late results leave an active check so."""
    return is_open(check) and check.pending is not None and not is_worse(check.pending, check.state)


class FleetMemory:
    """Loaded when the processor takes over; changed only by batches that were committed.

    A plain check is as good as none, so things that come and go do not pile up.
    `reuses` are agents under whose keys other content came, with who sent it: the next decision deals with them.
    `parents` is what stands before whom, as it was read last. `overdue` are agents whose withheld checks nothing has
    explained for as long as it takes to come back, as the silence watch looked last.
    """

    def __init__(self, fleet: FleetState) -> None:
        self._agents: dict[str, Agent] = dict(fleet.agents)
        self._checks: dict[str, dict[Place, Check]] = {}
        self._findings: dict[str, dict[Place, Check]] = {}
        self._unheard: dict[str, AbstractSet[Place]] = {}
        self._withheld: dict[str, AbstractSet[Place]] = {}
        self._mending: set[CheckKey] = set()
        self._recent: dict[str, Recent] = {}
        self._ledgers: dict[str, dict[int, Ledger]] = {}
        self._incomplete: dict[str, set[int]] = {}
        self.reuses: dict[str, Senders] = {}
        self.canary_monotonic_ms: int | None = None
        self.parents = NO_PARENTS
        self.overdue: AbstractSet[str] = frozenset()
        self._keep(fleet.checks.values())
        for key in fleet.unheard:
            self._unheard[key.agent_id] = self.unheard(key.agent_id) | {(key.rule, key.subject)}
        self._withhold(fleet.withheld)
        self._account(Ledger(account, gaps) for account, gaps in fleet.accounts)

    def __len__(self) -> int:
        return len(self._agents)

    @property
    def agents(self) -> Mapping[str, Agent]:
        """All that are known, by id."""
        return self._agents

    def agent(self, agent_id: str) -> Agent | None:
        return self._agents.get(agent_id)

    def checks(self, agent_id: str) -> Mapping[Place, Check]:
        """Those of rule files."""
        return self._checks.get(agent_id, {})

    def findings(self, agent_id: str) -> Mapping[Place, Check]:
        """The open checks that come from no rule file."""
        return self._findings.get(agent_id, {})

    def unheard(self, agent_id: str) -> AbstractSet[Place]:
        """The checks whose open incident late records opened and no live one confirmed."""
        return self._unheard.get(agent_id, frozenset())

    def untold_results(self) -> Sequence[CheckKey]:
        """The active checks of whose newest result, a late one, nobody was told."""
        unheard = {
            CheckKey(agent_id, *place)
            for agent_id, places in self._unheard.items()
            for place in places
            if place[0] == CHECK_RULE
        }
        return sorted(self._mending | unheard)

    def withheld(self, agent_id: str) -> AbstractSet[Place]:
        """The checks that are in trouble and have no open incident, because something explained them."""
        return self._withheld.get(agent_id, frozenset())

    def is_withheld(self, key: CheckKey) -> bool:
        return (key.rule, key.subject) in self.withheld(key.agent_id)

    @property
    def waiting(self) -> AbstractSet[str]:
        """The agents with withheld checks."""
        return self._withheld.keys()

    @property
    def may_withhold(self) -> bool:
        """Whether anything is withheld or may be."""
        return bool(self._withheld or self.parents.behind)

    def recent(self, agent_id: str) -> Recent:
        """What the agent reported lately, as far as rules look back."""
        return self._recent.get(agent_id, NOTHING)

    def take_over(self, other: "FleetMemory") -> None:
        """What the memory before had and the store does not have."""
        self.canary_monotonic_ms, self.reuses, self._recent = other.canary_monotonic_ms, other.reuses, other._recent
        self.parents, self.overdue = other.parents, other.overdue

    def ledgers(self, agent_id: str) -> Mapping[int, Ledger]:
        """The agent's accounts by epoch."""
        return self._ledgers.get(agent_id, {})

    def restless(self) -> Sequence[str]:
        """The agents for which time alone may change something: records are missing, or a finding is open."""
        return sorted(self._incomplete.keys() | self._findings.keys() | self.reuses.keys())

    def incomplete_epochs(self, agent_id: str) -> Sequence[int]:
        """The agent's epochs of which records are missing."""
        return sorted(self._incomplete.get(agent_id, ()))

    def apply(self, decision: Decision, reused: Iterable[Quarantined] = ()) -> None:
        """Take over what a committed batch changed; `reused` is what the store found under keys with other content."""
        batch, learnt = decision.batch, decision.learnt
        self._agents.update((agent.agent_id, agent) for agent in batch.agents)
        self._keep(batch.checks)
        self._withhold(learnt.withheld)
        for change in batch.incidents:
            self._hear(change)
        self._recent.update(learnt.recent)
        self._account(learnt.ledgers)
        if learnt.canary_monotonic_ms is not None:
            self.canary_monotonic_ms = learnt.canary_monotonic_ms
        for agent_id in learnt.reuses_told:
            self.reuses.pop(agent_id, None)
        for bad in reused:
            self.reuses[bad.routing_key] = learnt.repeats_from.get(bad.routing_key, {})

    def _hear(self, change: IncidentChange) -> None:
        agent_id = change.key.agent_id
        unheard = still_unheard(self.unheard(agent_id), [change])
        if unheard:
            self._unheard[agent_id] = unheard
        else:
            self._unheard.pop(agent_id, None)
        if change.change is Change.OPENED:
            self._release(change.key)

    def _withhold(self, keys: Iterable[CheckKey]) -> None:
        for key in keys:
            self._withheld[key.agent_id] = self.withheld(key.agent_id) | {(key.rule, key.subject)}

    def _release(self, key: CheckKey) -> None:
        rest = self.withheld(key.agent_id) - {(key.rule, key.subject)}
        if rest:
            self._withheld[key.agent_id] = rest
        else:
            self._withheld.pop(key.agent_id, None)

    def _keep(self, checks: Iterable[Check]) -> None:
        for check in checks:
            key = check.key
            kept = self._findings if key.rule in OWN_RULES else self._checks
            known, place = kept.setdefault(key.agent_id, {}), (key.rule, key.subject)
            if not is_open(check):
                self._release(key)
            if key.rule == CHECK_RULE:
                (self._mending.add if mends(check) else self._mending.discard)(key)
            if not check.is_plain:
                known[place] = check
            else:
                known.pop(place, None)
                if not known:
                    del kept[key.agent_id]

    def _account(self, ledgers: Iterable[Ledger]) -> None:
        for ledger in ledgers:
            key = ledger.key
            self._ledgers.setdefault(key.agent_id, {})[key.epoch] = ledger
            if ledger.has_open_gaps:
                self._incomplete.setdefault(key.agent_id, set()).add(key.epoch)
            elif key.agent_id in self._incomplete:
                self._incomplete[key.agent_id].discard(key.epoch)
                if not self._incomplete[key.agent_id]:
                    del self._incomplete[key.agent_id]
