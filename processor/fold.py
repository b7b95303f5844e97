"""One agent's snapshot against all rules: which checks it moves and which incidents that opens, changes or closes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from processor.evaluators import threshold
from processor.rule import Rule
from rabbitmq.readings import parse_reading_name
from store.model import Change, Check, CheckKey, IncidentChange, KeptSnapshot, Remedy, State

RemedyFinder = Callable[[str, State, Mapping[str, str]], Sequence[Remedy]]
"""From a rule's id, the severity and the labels to the known problems that fit."""

VANISHED_HOLD_MS = 60_000


@dataclass(frozen=True, slots=True)
class Probe:
    """A rule bound to one reading."""

    reading: str
    rule: Rule
    subject: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Folded:
    """What a snapshot changes: checks that moved (whole rows) and incidents."""

    checks: Sequence[Check]
    incidents: Sequence[IncidentChange]


class RuleSet:
    """All rules, bound to the names a snapshot brings. Hosts report the same names for hours, so bindings are kept."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.by_metric: dict[str, list[Rule]] = {}
        for rule in rules:
            self.by_metric.setdefault(rule.metric, []).append(rule)
        self.by_id = {rule.rule_id: rule for rule in rules}
        self.probes = lru_cache(maxsize=4096)(self._bind)

    def _bind(self, names: tuple[str, ...]) -> Sequence[Probe]:
        return [
            Probe(name, rule, subject, parse_reading_name(name)[1])
            for name, (metric, subject) in ((name, _split(name)) for name in names)
            for rule in self.by_metric.get(metric, ())
        ]


def fold_snapshot(
    snapshot: KeptSnapshot,
    checks: Mapping[tuple[str, str], Check],
    rules: RuleSet,
    find_remedies: RemedyFinder,
) -> Folded:
    """Evaluate every rule on the snapshot, given the agent's checks by (rule, subject).

    1. Each reading under a rule moves its check one step.
    2. A check in trouble whose thing is not reported any more (an unmounted disk) is closed after a minute, as long as
       its metric is reported for others: then the collector works and the thing is gone. One whose rule is not in force
       any more is closed at once.
    3. Only what changed comes back; a change of state is also a change of an incident.
    """
    moved: list[Check] = []
    incidents: list[IncidentChange] = []
    probes = rules.probes(tuple(snapshot.readings))
    for probe in probes:
        before = checks.get((probe.rule.rule_id, probe.subject))
        key = before.key if before else CheckKey(snapshot.agent_id, probe.rule.rule_id, probe.subject)
        value = snapshot.readings[probe.reading]
        after = threshold.evaluate(probe.rule, key, before, value, snapshot.wall_ms)
        if before is None or _moved(before, after):
            moved.append(after)
        if after.state != (before.state if before else State.OK):
            incidents.append(
                _incident_change(probe, before.state if before else State.OK, after, snapshot, find_remedies)
            )
    for check in checks.values():
        gone = _gone(check, snapshot, probes, rules)
        if gone is not None:
            moved.append(gone.check)
            incidents.extend(gone.incidents)
    return Folded(moved, incidents)


def _split(name: str) -> tuple[str, str]:
    """Metric and subject; a name nobody can parse has no rule."""
    try:
        metric, _ = parse_reading_name(name)
    except ValueError:
        return "", ""
    return metric, name[len(metric) + 1 : -1]


def _moved(before: Check, after: Check) -> bool:
    return (before.state, before.pending, before.pending_since_ms) != (
        after.state,
        after.pending,
        after.pending_since_ms,
    )


def _incident_change(
    probe: Probe, before: State, check: Check, snapshot: KeptSnapshot, find_remedies: RemedyFinder
) -> IncidentChange:
    rule, change = probe.rule, _change(before, check.state)
    limit = threshold.limit_of(rule, check.state)
    words = {**probe.labels, "value": check.value, "limit": limit}
    return IncidentChange(
        key=check.key,
        change=change,
        severity=before if change is Change.CLOSED else check.state,
        at_ms=snapshot.wall_ms,
        received_ms=snapshot.received_ms,
        epoch=snapshot.epoch,
        seq=snapshot.seq,
        metric=rule.metric,
        value=check.value,
        limit=limit,
        title=rule.title.format_map(words),
        sentence=rule.sentence.format_map(words),
        remedies=find_remedies(rule.rule_id, check.state, probe.labels) if change is Change.OPENED else (),
    )


def _change(before: State, after: State) -> Change:
    if before is State.OK:
        return Change.OPENED
    if after is State.OK:
        return Change.CLOSED
    return Change.WORSENED if threshold.is_worse(after, before) else Change.EASED


@dataclass(frozen=True, slots=True)
class _Gone:
    check: Check
    incidents: Sequence[IncidentChange] = ()


def _gone(check: Check, snapshot: KeptSnapshot, probes: Sequence[Probe], rules: RuleSet) -> _Gone | None:
    """What becomes of a check in trouble that the snapshot did not feed; None for all others."""
    if check.state is State.OK:
        return None
    place = (check.key.rule, check.key.subject)
    rule = rules.by_id.get(check.key.rule)
    if rule is None:
        return _Gone(
            *_closed(check, snapshot, check.key.rule, "", f"the rule {check.key.rule} is not in force any more")
        )
    same_rule = [probe for probe in probes if probe.rule is rule]
    if not same_rule or any((probe.rule.rule_id, probe.subject) == place for probe in same_rule):
        return None
    since_ms = check.pending_since_ms if check.pending is State.OK else None
    if since_ms is None or snapshot.wall_ms - since_ms < VANISHED_HOLD_MS:
        return _Gone(replace(check, pending=State.OK, pending_since_ms=since_ms or snapshot.wall_ms))
    sentence = f"{check.key.subject or rule.metric} is not reported any more"
    return _Gone(*_closed(check, snapshot, check.key.rule, rule.metric, sentence))


def _closed(
    check: Check, snapshot: KeptSnapshot, title: str, metric: str, sentence: str
) -> tuple[Check, Sequence[IncidentChange]]:
    """Closed without a value of now: the last one stays."""
    closed = IncidentChange(
        key=check.key,
        change=Change.CLOSED,
        severity=check.state,
        at_ms=snapshot.wall_ms,
        received_ms=snapshot.received_ms,
        epoch=snapshot.epoch,
        seq=snapshot.seq,
        metric=metric,
        value=check.value,
        limit=check.value,
        title=title,
        sentence=sentence,
    )
    return Check(key=check.key, state=State.OK, since_ms=snapshot.wall_ms, value=check.value), (closed,)
