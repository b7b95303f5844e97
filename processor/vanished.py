"""Checks that a snapshot does not feed: of an unmounted disk, of swap that was switched off, of a removed rule."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from health.machine import settled
from health.state import State
from processor.check_results import CHECK_METRICS, CHECK_RULE
from processor.rule import TIMED, Kind, Rule
from processor.rule_set import RuleSet
from rabbitmq.readings import NOT_OFFERED, metric_group
from store.model import Check, KeptSnapshot

HOLD_MS = 60_000


@dataclass(frozen=True, slots=True)
class Gone:
    """The check as it is now; with a sentence when it ends."""

    check: Check
    sentence: str = ""


def look_at(
    check: Check,
    snapshot: KeptSnapshot,
    rule: Rule | None,
    errors: Mapping[str, str],
    switched_off: Collection[str] = (),
) -> Gone:
    """What becomes of a check that the snapshot did not feed.

    1. Active checks report when they have run: their absence says nothing.
    2. A rule that is not in force any more ends its checks at once.
    3. So does a metric group that was switched off: people said that it is not to be measured.
    4. What a timer judges is fed as long as its reading is reported; a fleet's check has no reading.
    5. A check that was fine is forgotten: the time without readings must not count.
    6. While the collector fails nothing is known: silence closes nothing.
    7. Otherwise the thing is gone once it is not reported for a minute.
    """
    if check.key.rule == CHECK_RULE:
        return Gone(check)
    if rule is None:
        return Gone(check, f"the rule {check.key.rule} is not in force any more")
    if metric_group(rule.metric) in switched_off:
        group = metric_group(rule.metric)
        return Gone(check, f"{_thing(check, rule)} is not measured any more: the metric group {group} is switched off")
    if rule.metric.startswith(CHECK_METRICS) or _is_timed(check, snapshot, rule):
        return Gone(check)
    is_well = check.state is State.OK and check.flapping_since_ms is None
    if _fails(rule.metric, errors):
        return Gone(settled(check))
    if is_well:
        return Gone(replace(settled(check), history=0))
    since_ms = check.pending_since_ms if check.pending is State.OK else None
    if since_ms is None or since_ms > snapshot.wall_ms:
        return Gone(replace(check, pending=State.OK, pending_since_ms=snapshot.wall_ms))
    if snapshot.wall_ms - since_ms < HOLD_MS:
        return Gone(check)
    return Gone(check, f"{_thing(check, rule)} is not reported any more")


def is_blind(errors: Mapping[str, str], rules: RuleSet, group: str) -> bool:
    """Whether a snapshot with these `errors` lacks what a rule for its agent's group reads, or a part of it.

    What the agent's system does not offer was never to be had.
    """
    lacking = {_collector(part) for part, why in errors.items() if not why.startswith(NOT_OFFERED)}
    return bool(lacking) and rules.reads(lacking, group)


def _is_timed(check: Check, snapshot: KeptSnapshot, rule: Rule) -> bool:
    subject = check.key.subject
    reading = f"{rule.metric}{{{subject}}}" if subject else rule.metric
    return rule.kind is Kind.FLEET or (rule.kind in TIMED and reading in snapshot.readings)


def _fails(metric: str, errors: Mapping[str, str]) -> bool:
    """Whether the metric's collector, or a part of it like `disk{mount="/srv"}`, gave no readings."""
    collector = metric_group(metric)
    return any(_collector(part) == collector for part in errors)


def _collector(part: str) -> str:
    return part.partition("{")[0]


def _thing(check: Check, rule: Rule) -> str:
    """`mount="/var"` as people say it: mount /var. Without labels it is the metric."""
    return check.key.subject.replace('="', " ").replace('"', "") or rule.metric
