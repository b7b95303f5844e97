"""Checks that a snapshot does not feed: of an unmounted disk, of swap that was switched off, of a removed rule."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from health.machine import settled
from health.state import State
from processor.check_results import CHECK_METRICS, CHECK_RULE
from processor.rule import TIMED, Kind, Rule
from store.model import Check, KeptSnapshot

HOLD_MS = 60_000


@dataclass(frozen=True, slots=True)
class Gone:
    """The check as it is now; with a sentence when it ends."""

    check: Check
    sentence: str = ""


def look_at(check: Check, snapshot: KeptSnapshot, rule: Rule | None, errors: Mapping[str, str]) -> Gone:
    """What becomes of a check that the snapshot did not feed.

    1. Active checks report when they have run: their absence says nothing.
    2. A rule that is not in force any more ends its checks at once.
    3. What a timer judges is fed as long as its reading is reported; a fleet's check has no reading.
    4. A check that was fine is forgotten: the time without readings must not count.
    5. While the collector fails nothing is known: silence closes nothing.
    6. Otherwise the thing is gone once it is not reported for a minute.
    """
    if check.key.rule == CHECK_RULE:
        return Gone(check)
    if rule is None:
        return Gone(check, f"the rule {check.key.rule} is not in force any more")
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
    return Gone(check, f"{_words(check.key.subject) or rule.metric} is not reported any more")


def _is_timed(check: Check, snapshot: KeptSnapshot, rule: Rule) -> bool:
    subject = check.key.subject
    reading = f"{rule.metric}{{{subject}}}" if subject else rule.metric
    return rule.kind is Kind.FLEET or (rule.kind in TIMED and reading in snapshot.readings)


def _fails(metric: str, errors: Mapping[str, str]) -> bool:
    """Whether the metric's collector, or a part of it like `disk{mount="/srv"}`, gave no readings."""
    collector = metric.partition(".")[0]
    return any(name.partition("{")[0] == collector for name in errors)


def _words(subject: str) -> str:
    """`mount="/var"` as people say it: mount /var."""
    return subject.replace('="', " ").replace('"', "")
