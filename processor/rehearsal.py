"""Rules run over kept snapshots, through the fold that is run in earnest: the incidents they would have opened.

Each snapshot counts as if it had arrived in time, and everything is ok at the beginning. Pure, without a clock.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

import msgspec

from health.state import State, is_worse
from processor.check_results import CHECK_RULE
from processor.fold import Circumstances, fold_results, fold_snapshot
from processor.periodic_rules import PeriodicRules, decide_observed
from processor.recent import NOTHING, Recent
from processor.replayed_fleet import ReplayedFleet
from processor.rule import Rule
from processor.rule_set import Place, RuleSet
from rabbitmq.records import CheckResult
from store.model import STALE_AFTER_INTERVALS, Agent, Change, Check, CheckKey, IncidentChange, KeptSnapshot, Remedy
from store.replays import PastIncident

MOST_NAMED = 3


@dataclass(slots=True, kw_only=True)
class Rehearsed:
    """An incident that would have been: the worst it was in, with the words for it; `number` is that of a real one."""

    key: CheckKey
    severity: State
    opened_ms: int
    closed_ms: int | None
    sentence: str
    number: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Of one rule: the incidents of the edited and of today's version, and in one sentence how they differ."""

    edited: Sequence[Rehearsed]
    today: Sequence[Rehearsed]
    missed: Sequence[Rehearsed]  # of today's: those at whose time the edited rule says nothing
    sentence: str


class _Extra(msgspec.Struct):
    interval_seconds: float = 5.0
    errors: dict[str, str] = {}
    checks: list[CheckResult] = []
    switched_off: list[str] = []


@dataclass(slots=True)
class _Host:
    checks: dict[Place, Check] = field(default_factory=dict)
    open: dict[Place, Rehearsed] = field(default_factory=dict)
    recent: Recent = NOTHING
    last_ms: int | None = None
    interval_ms: int = 0


class Rehearsal:
    """Takes snapshots, and the turns of what goes by the clock, in the order of their times.

    `incidents` are those up to the last one, in the same order. What goes by the clock sees `fleet`, which must have
    taken the same snapshots.
    """

    def __init__(self, rules: Sequence[Rule], fleet: ReplayedFleet) -> None:
        self._rules = RuleSet(rules)
        self._fleet = fleet
        self._by_the_clock = PeriodicRules(lambda: nullcontext(fleet), lambda: self._rules, fleet.foretell)
        self._watches_active_checks = any(rule.of == CHECK_RULE for rule in rules)
        self._hosts: dict[str, _Host] = defaultdict(_Host)
        self.incidents: list[Rehearsed] = []

    @property
    def agents(self) -> Mapping[str, Agent]:
        return self._fleet.agents

    def agent(self, agent_id: str) -> Agent | None:
        return self.agents.get(agent_id)

    def checks(self, agent_id: str) -> Mapping[Place, Check]:
        host = self._hosts.get(agent_id)
        return host.checks if host else {}

    def take(self, snapshot: KeptSnapshot, group: str) -> None:
        """`group` is the one that the snapshot's agent belongs to."""
        host, extra = self._hosts[snapshot.agent_id], _extra_of(snapshot)
        interval_ms = round(extra.interval_seconds * 1000)
        silence_ms = snapshot.wall_ms - (snapshot.wall_ms if host.last_ms is None else host.last_ms)
        circumstances = Circumstances(
            errors=extra.errors,
            after_silence=silence_ms > STALE_AFTER_INTERVALS * max(host.interval_ms, interval_ms),
            group=group,
            recent=host.recent,
            switched_off=extra.switched_off,
        )
        folded = fold_snapshot(snapshot, circumstances, host.checks, self._rules, _no_remedies)
        host.recent, host.last_ms, host.interval_ms = folded.recent, snapshot.wall_ms, interval_ms
        self._keep(folded.checks, folded.incidents)
        if extra.checks and self._watches_active_checks:
            seen = fold_results(extra.checks, snapshot, circumstances, host.checks, _no_remedies)
            self._keep(seen.checks, seen.incidents)

    def take_turn(self, now_ms: int) -> None:
        """One of those that the processor takes every `PERIOD_SECONDS`. Raises StoreUnavailable."""
        observed = self._by_the_clock.observe(self, self._rules, now_ms)
        decision = decide_observed(observed, self, self._rules, _no_remedies, now_ms)
        if decision is not None:
            self._keep(decision.batch.checks, decision.batch.incidents)

    def of(self, rule_id: str) -> list[Rehearsed]:
        """The incidents of one rule."""
        return [one for one in self.incidents if one.key.rule == rule_id]

    def _keep(self, checks: Iterable[Check], incidents: Iterable[IncidentChange]) -> None:
        for check in checks:
            known, place = self._hosts[check.key.agent_id].checks, (check.key.rule, check.key.subject)
            if check.is_plain:
                known.pop(place, None)
            else:
                known[place] = check
        for change in incidents:
            self._hear(change, self._hosts[change.key.agent_id])

    def _hear(self, change: IncidentChange, host: _Host) -> None:
        place = (change.key.rule, change.key.subject)
        if change.change is Change.OPENED:
            opened = Rehearsed(
                key=change.key,
                severity=change.severity,
                opened_ms=change.at_ms,
                closed_ms=None,
                sentence=change.sentence,
            )
            host.open[place] = opened
            self.incidents.append(opened)
        elif change.change is Change.CLOSED:
            host.open.pop(place).closed_ms = change.at_ms
        elif change.change is not Change.RESTATED and is_worse(change.severity, host.open[place].severity):
            host.open[place].severity, host.open[place].sentence = change.severity, change.sentence


def difference(
    edited: Sequence[Rehearsed], today: Sequence[Rehearsed] | None, past: Sequence[PastIncident]
) -> Difference:
    """Of one rule's incidents; `today` is None when no rule of the same id is in force, `past` are the real ones."""
    known: dict[CheckKey, list[PastIncident]] = defaultdict(list)
    for one in past:
        known[one.key].append(one)
    for rehearsed in (*edited, *(today or ())):
        rehearsed.number = next((one.number for one in known[rehearsed.key] if _overlap(one, rehearsed)), None)
    missed = _without_counterpart(today or (), edited)
    added = _without_counterpart(edited, today or ())
    told = _sentence(edited, today, missed, added)
    return Difference(edited=edited, today=today or (), missed=missed, sentence=told)


def _without_counterpart(some: Sequence[Rehearsed], others: Sequence[Rehearsed]) -> list[Rehearsed]:
    by_key: Mapping[CheckKey, list[Rehearsed]] = defaultdict(list)
    for other in others:
        by_key[other.key].append(other)
    return [one for one in some if not any(_overlap(one, other) for other in by_key[one.key])]


def _overlap(one: Rehearsed | PastIncident, other: Rehearsed | PastIncident) -> bool:
    return (other.closed_ms is None or one.opened_ms <= other.closed_ms) and (
        one.closed_ms is None or other.opened_ms <= one.closed_ms
    )


def _sentence(
    edited: Sequence[Rehearsed],
    today: Sequence[Rehearsed] | None,
    missed: Sequence[Rehearsed],
    added: Sequence[Rehearsed],
) -> str:
    count = f"{len(edited)} incident{'' if len(edited) == 1 else 's'}"
    if today is None:
        return f"{count}; no rule with this id is in force today"
    if [_outline(one) for one in edited] == [_outline(one) for one in today]:
        return f"the same incidents as with today's rule: {len(edited) or 'none'}"
    if not missed and not added and len(edited) == len(today):
        return f"{count}, as many as with today's rule and at about the same times"
    told = [f"{count} instead of {len(today)}"]
    if missed:
        told.append(f"would have missed {_named(missed)}")
    if added:
        told.append(f"{len(added)} at times when today's rule says nothing")
    return "; ".join(told)


def _outline(one: Rehearsed) -> tuple[CheckKey, State, int, int | None]:
    """What makes two of them the same, in whatever words."""
    return one.key, one.severity, one.opened_ms, one.closed_ms


def _named(missed: Sequence[Rehearsed]) -> str:
    """Real ones by their numbers; how many others there are."""
    numbers = list(dict.fromkeys(one.number for one in missed if one.number is not None))
    named = [f"i/{number}" for number in numbers[:MOST_NAMED]]
    others = len(missed) - len(named)
    if not named:
        return f"{others} of them"
    return ", ".join(named) + (f" and {others} more" if others else "")


def _no_remedies(*_: object) -> Sequence[Remedy]:
    return ()


_extras = msgspec.json.Decoder(_Extra)


def interval_ms_of(snapshot: KeptSnapshot) -> int:
    """How often its agent sends one."""
    return round(_extra_of(snapshot).interval_seconds * 1000)


def _extra_of(snapshot: KeptSnapshot) -> _Extra:
    try:
        return _extras.decode(snapshot.extra or b"{}")
    except msgspec.DecodeError:
        return _Extra()
