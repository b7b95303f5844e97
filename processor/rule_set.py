"""All rules, bound to the names that a snapshot brings."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import inf

from processor.rule import Kind, Rule
from rabbitmq.readings import metric_group, parse_reading_name

Place = tuple[str, str]
"""A rule's id and the subject: what tells the checks of one agent apart."""

MOST_REMEMBERED_NAMES = 500


@dataclass(frozen=True, slots=True)
class Probe:
    """A rule bound to a reading by its position among those of a snapshot; below -1 stands an absent metric.

    A value from `calm_from` to `calm_until` is within all of the rule's limits.
    """

    position: int
    rule: Rule
    place: Place
    labels: Mapping[str, str]
    calm_from: float
    calm_until: float


@dataclass(frozen=True, slots=True)
class Bound:
    """What to evaluate on a snapshot with certain names: `places` are those of all the checks it feeds."""

    thresholds: Sequence[Probe]
    rates: Sequence[Probe]
    absences: Sequence[Probe]
    places: frozenset[Place]

    def without_absences(self, groups: Collection[str]) -> "Bound":
        """The same for a host that is not to measure these metric groups: nobody waits for their readings."""
        waiting = [probe for probe in self.absences if metric_group(probe.rule.metric) not in groups]
        expected = {probe.place for probe in self.absences} - {probe.place for probe in waiting}
        return replace(self, absences=waiting, places=self.places - expected)


class RuleSet:
    """Rules by what they are bound to. Hosts report the same names for hours, so bindings are kept."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._by_metric: dict[str, list[Rule]] = {}
        self._absences = [rule for rule in rules if rule.kind is Kind.ABSENCE]
        for rule in rules:
            if rule.kind in (Kind.THRESHOLD, Kind.RATE):
                self._by_metric.setdefault(rule.metric, []).append(rule)
        self.by_id = {rule.rule_id: rule for rule in rules}
        self._groups = frozenset[str]().union(*(rule.groups for rule in rules))
        self._readers = [(metric_group(rule.metric), rule) for rule in rules if rule.kind is not Kind.FLEET]
        self._remembered = lru_cache(maxsize=2048)(self._bind)

    def in_force(self, rule_id: str, group: str) -> Rule | None:
        """The rule, if there is one and it holds for agents of this group."""
        rule = self.by_id.get(rule_id)
        return rule if rule is not None and rule.is_for(group) else None

    def reads(self, metric_groups: Collection[str], group: str) -> bool:
        """Whether a rule that holds for agents of this group reads any metric of these metric groups."""
        return any(read in metric_groups and rule.is_for(group) for read, rule in self._readers)

    def bound(self, names: tuple[str, ...], group: str = "") -> Bound:
        """What to evaluate on a snapshot with these readings; only ordinary hosts' bindings are worth the memory."""
        named = group if group in self._groups else ""
        return self._remembered(names, named) if len(names) <= MOST_REMEMBERED_NAMES else self._bind(names, named)

    def _bind(self, names: tuple[str, ...], group: str) -> Bound:
        split = [_split(name) for name in names]
        fed = [
            _probe(position, rule, subject, name)
            for position, (name, (metric, subject)) in enumerate(zip(names, split, strict=True))
            for rule in self._by_metric.get(metric, ())
            if rule.is_for(group)
        ]
        first = {metric: position for position, (metric, _) in reversed([*enumerate(split)])}
        absences = [
            _probe(first.get(rule.metric, ABSENT), rule, "", rule.metric)
            for rule in self._absences
            if rule.is_for(group)
        ]
        return Bound(
            thresholds=[probe for probe in fed if probe.rule.kind is Kind.THRESHOLD],
            rates=[probe for probe in fed if probe.rule.kind is Kind.RATE],
            absences=absences,
            places=frozenset(probe.place for probe in (*fed, *absences)),
        )


ABSENT = -1


def _probe(position: int, rule: Rule, subject: str, reading: str) -> Probe:
    limits = [level.limit for level in rule.levels.values()]
    return Probe(
        position=position,
        rule=rule,
        place=(rule.rule_id, subject),
        labels=parse_reading_name(reading)[1],
        calm_from=-inf if rule.sign > 0 else max(limits),
        calm_until=min(limits) if rule.sign > 0 else inf,
    )


def _split(name: str) -> tuple[str, str]:
    """Metric and subject; a name nobody can parse has no rule."""
    try:
        metric, _ = parse_reading_name(name)
    except ValueError:
        return "", ""
    return metric, name[len(metric) + 1 : -1]
