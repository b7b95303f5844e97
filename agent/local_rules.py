"""The rules by which this host is judged on the host itself, bound to the readings that it has.

They are the hub's own rules that need nothing but one reading; `python -m deploy.agent_rules` writes `rules.json`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from health.rule import Threshold
from rabbitmq.readings import parse_reading_name

RULES_FILE = Path(__file__).with_name("rules.json")
MOST_REMEMBERED_NAMES = 10_000

Place = tuple[str, str]
"""A rule's id and the subject: what tells the checks of one host apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalRule(Threshold):
    """A threshold for the hosts of `groups`; for every host when there are none."""

    groups: tuple[str, ...] = ()


class RulesFile(msgspec.Struct, frozen=True, kw_only=True):
    """What `rules.json` holds."""

    schema: str = "agent-rules/1"
    rules: Sequence[LocalRule]


@dataclass(frozen=True, slots=True)
class Bound:
    """A rule bound to one reading. `name` is what people call the check; a value is calm up to `calm_until`, as far as
    the rule's sign turns it."""

    rule: LocalRule
    place: Place
    name: str
    labels: Mapping[str, str]
    sign: int
    calm_until: float


class RuleSet:
    """The rules that hold for hosts of a group. Readings keep their names for hours, so bindings are remembered."""

    def __init__(self, rules: Iterable[LocalRule], group: str = "") -> None:
        self._by_metric: dict[str, list[LocalRule]] = {}
        self.by_id: dict[str, LocalRule] = {}
        for rule in rules:
            if not rule.groups or group in rule.groups:
                self._by_metric.setdefault(rule.metric, []).append(rule)
                self.by_id[rule.rule_id] = rule
        self._remembered: dict[str, tuple[Bound, ...]] = {}

    def bound(self, readings: Mapping[str, float]) -> Iterable[tuple[Bound, float]]:
        """Each rule with the value of a reading that it judges."""
        remembered = self._remembered
        for name, value in readings.items():
            found = remembered.get(name)
            if found is None:
                found = self._bind(name)
            for bound in found:
                yield bound, value

    def _bind(self, name: str) -> tuple[Bound, ...]:
        if len(self._remembered) >= MOST_REMEMBERED_NAMES:
            self._remembered.clear()
        try:
            metric, labels = parse_reading_name(name)
        except ValueError:  # a name nobody can parse has no rule
            metric, labels = "", {}
        rules = self._by_metric.get(metric, ())
        found = tuple(_bound(rule, name[len(metric) + 1 : -1], labels) for rule in rules)
        self._remembered[name] = found
        return found


def load_rules(file: Path = RULES_FILE) -> Sequence[LocalRule]:
    """The rules that came with this agent. Raises OSError or ValueError when its installation is damaged."""
    return msgspec.json.decode(file.read_bytes(), type=RulesFile).rules


def check_name(rule_id: str, labels: Iterable[str] = ()) -> str:
    """What people call the check of a rule: disk-usage of / is "disk /", cpu-usage is "cpu"."""
    return " ".join([rule_id.removesuffix("-usage").replace("-", " "), *labels])


def _bound(rule: LocalRule, subject: str, labels: Mapping[str, str]) -> Bound:
    return Bound(
        rule=rule,
        place=(rule.rule_id, subject),
        name=check_name(rule.rule_id, labels.values()),
        labels=labels,
        sign=rule.sign,
        calm_until=min(level.limit * rule.sign for level in rule.levels.values()),
    )
