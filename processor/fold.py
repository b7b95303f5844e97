"""One agent's snapshot against all rules: which checks it moves and which incidents that opens, changes or closes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from health.state import State
from processor import vanished
from processor.evaluators import threshold
from processor.rule import Rule, Words
from processor.vanished import settled
from rabbitmq.readings import parse_reading_name
from store.model import Change, Check, CheckKey, IncidentChange, KeptSnapshot, Remedy

Place = tuple[str, str]
"""A rule's id and the subject: what tells the checks of one agent apart."""

RemedyFinder = Callable[[str, State, Mapping[str, str]], Sequence[Remedy]]
"""From a rule's id, the severity and the labels to the known problems that fit."""

MOST_REMEMBERED_NAMES = 500
FOR_EVER_MS = 2**63


@dataclass(frozen=True, slots=True)
class Probe:
    """A rule bound to a reading by its position among those of a snapshot. `calm_until` is the rule's lowest limit,
    `withheld` the rule as late readings feel it.
    """

    position: int
    rule: Rule
    withheld: Rule
    place: Place
    labels: Mapping[str, str]
    calm_until: float


@dataclass(frozen=True, slots=True)
class Folded:
    """What a snapshot changes: checks that moved (whole rows) and incidents."""

    checks: Sequence[Check]
    incidents: Sequence[IncidentChange]


class RuleSet:
    """All rules, bound to the names a snapshot brings. Hosts report the same names for hours, so bindings are kept."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._by_metric: dict[str, list[Rule]] = {}
        for rule in rules:
            self._by_metric.setdefault(rule.metric, []).append(rule)
        self.by_id = {rule.rule_id: rule for rule in rules}
        self._remembered = lru_cache(maxsize=2048)(self._bind)

    def probes(self, names: tuple[str, ...]) -> Sequence[Probe]:
        """What to evaluate on a snapshot with these readings; only ordinary hosts' bindings are worth the memory."""
        return self._remembered(names) if len(names) <= MOST_REMEMBERED_NAMES else self._bind(names)

    def _bind(self, names: tuple[str, ...]) -> Sequence[Probe]:
        return [
            _probe(position, name, rule, subject)
            for position, (name, (metric, subject)) in enumerate((name, _split(name)) for name in names)
            for rule in self._by_metric.get(metric, ())
        ]


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is to be known of a snapshot beside its readings.

    `errors` are failed collectors; `after_silence` says that there was silence before it; a late one (`is_late`) says
    nothing about now; `correction_ms` is added to its agent's clock where people read a time.
    """

    errors: Mapping[str, str]
    after_silence: bool
    is_late: bool = False
    correction_ms: int = 0


def fold_snapshot(
    snapshot: KeptSnapshot,
    circumstances: Circumstances,
    checks: Mapping[Place, Check],
    rules: RuleSet,
    find_remedies: RemedyFinder,
) -> Folded:
    """Evaluate every rule on the snapshot, given the agent's checks by place.

    1. After a silence nothing counts as having lasted: what was pending begins anew.
    2. Each reading under a rule moves its check one step. A late one moves only what is pending: no state changes
       before the first live one.
    3. A check that a live snapshot does not feed is looked at by `vanished`.
    4. Only what changed comes back; a change of state is also a change of an incident.
    """
    moved: list[Check] = []
    incidents: list[IncidentChange] = []
    probes, values = rules.probes(tuple(snapshot.readings)), tuple(snapshot.readings.values())
    for probe in probes:
        value, known = values[probe.position], checks.get(probe.place)
        if known is None and value <= probe.calm_until:
            continue  # most readings most of the time
        key = CheckKey(snapshot.agent_id, *probe.place)
        before = known or Check(key=key, state=State.OK, since_ms=snapshot.wall_ms, value=0.0)
        held = settled(before) if circumstances.after_silence else before
        rule = probe.withheld if circumstances.is_late else probe.rule
        after = threshold.evaluate(rule, held, value, snapshot.wall_ms)
        if _moved(before, after):
            moved.append(after)
        if after.state != before.state:
            incidents.append(_incident_change(probe, before.state, after, snapshot, find_remedies))
    if checks and not circumstances.is_late:
        fed = {probe.place for probe in probes}
        for check in [check for place, check in checks.items() if place not in fed]:
            gone = vanished.look_at(check, snapshot, rules.by_id.get(check.key.rule), circumstances.errors)
            if gone.check != check:
                moved.append(gone.check)
            incidents.extend(gone.incidents)
    if circumstances.correction_ms:
        incidents = [replace(change, at_ms=change.at_ms + circumstances.correction_ms) for change in incidents]
    return Folded(moved, incidents)


def _probe(position: int, reading: str, rule: Rule, subject: str) -> Probe:
    return Probe(
        position=position,
        rule=rule,
        withheld=replace(rule, hold_ms=FOR_EVER_MS, clear_hold_ms=FOR_EVER_MS),
        place=(rule.rule_id, subject),
        labels=parse_reading_name(reading)[1],
        calm_until=min(level.above for level in rule.levels.values()),
    )


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
    words = Words({**probe.labels, "value": check.value, "limit": limit})
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
