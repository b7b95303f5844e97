"""One agent's snapshot against all rules: which checks it moves and which incidents that opens, changes or closes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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
       its metric is reported for others: then the collector works and the thing is gone.
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
    for gone, change in _vanished(snapshot, checks, probes):
        moved.append(gone)
        incidents.extend(change)
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


def _vanished(
    snapshot: KeptSnapshot, checks: Mapping[tuple[str, str], Check], probes: Sequence[Probe]
) -> Sequence[tuple[Check, Sequence[IncidentChange]]]:
    reported = {(probe.rule.rule_id, probe.subject) for probe in probes}
    working = {probe.rule.rule_id for probe in probes}
    return [
        _vanish(check, snapshot)
        for place, check in checks.items()
        if check.state is not State.OK and place not in reported and place[0] in working
    ]


def _vanish(check: Check, snapshot: KeptSnapshot) -> tuple[Check, Sequence[IncidentChange]]:
    at_ms = snapshot.wall_ms
    waiting = check.pending is State.OK and check.pending_since_ms is not None
    since_ms = check.pending_since_ms if waiting and check.pending_since_ms is not None else at_ms
    if not waiting or at_ms - since_ms < VANISHED_HOLD_MS:
        pending = Check(
            key=check.key,
            state=check.state,
            since_ms=check.since_ms,
            value=check.value,
            pending=State.OK,
            pending_since_ms=since_ms,
        )
        return pending, ()
    closed = IncidentChange(
        key=check.key,
        change=Change.CLOSED,
        severity=check.state,
        at_ms=at_ms,
        received_ms=snapshot.received_ms,
        epoch=snapshot.epoch,
        seq=snapshot.seq,
        value=check.value,
        limit=check.value,
        title=f"{check.key.rule} {check.key.subject}",
        sentence=f"{check.key.subject or check.key.rule} is not reported any more",
    )
    return Check(key=check.key, state=State.OK, since_ms=at_ms, value=check.value), (closed,)
