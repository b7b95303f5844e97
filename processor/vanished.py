"""Checks that a snapshot does not feed: of an unmounted disk, of swap that was switched off, of a removed rule."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from health.state import State
from processor.rule import Rule
from store.model import Change, Check, IncidentChange, KeptSnapshot

HOLD_MS = 60_000


@dataclass(frozen=True, slots=True)
class Gone:
    """The check as it is now, and the end of its incident if it had one."""

    check: Check
    incidents: Sequence[IncidentChange] = ()


def look_at(check: Check, snapshot: KeptSnapshot, rule: Rule | None, errors: Mapping[str, str]) -> Gone:
    """What becomes of a check that the snapshot did not feed.

    1. A rule that is not in force any more ends its checks at once.
    2. A check that was fine forgets what was pending: the time without readings must not count.
    3. While the collector fails nothing is known: silence closes nothing.
    4. Otherwise the thing is gone once it is not reported for a minute.
    """
    if rule is None:
        return _closed(check, snapshot, f"the rule {check.key.rule} is not in force any more")
    if check.state is State.OK or _fails(rule.metric, errors):
        return Gone(settled(check))
    since_ms = check.pending_since_ms if check.pending is State.OK else None
    if since_ms is None or since_ms > snapshot.wall_ms:
        return Gone(replace(check, pending=State.OK, pending_since_ms=snapshot.wall_ms))
    if snapshot.wall_ms - since_ms < HOLD_MS:
        return Gone(check)
    return _closed(check, snapshot, f"{_words(check.key.subject) or rule.metric} is not reported any more")


def settled(check: Check) -> Check:
    """The same without anything pending."""
    return check if check.pending is None else replace(check, pending=None, pending_since_ms=None)


def _fails(metric: str, errors: Mapping[str, str]) -> bool:
    """Whether the metric's collector, or a part of it like `disk{mount="/srv"}`, gave no readings."""
    collector = metric.partition(".")[0]
    return any(name.partition("{")[0] == collector for name in errors)


def _words(subject: str) -> str:
    """`mount="/var"` as people say it: mount /var."""
    return subject.replace('="', " ").replace('"', "")


def _closed(check: Check, snapshot: KeptSnapshot, sentence: str) -> Gone:
    if check.state is State.OK:
        return Gone(settled(check))
    closed = IncidentChange(
        key=check.key,
        change=Change.CLOSED,
        severity=check.state,
        at_ms=snapshot.wall_ms,
        received_ms=snapshot.received_ms,
        epoch=snapshot.epoch,
        seq=snapshot.seq,
        metric="",
        value=check.value,
        limit=check.value,
        title=check.key.rule,
        sentence=sentence,
    )
    return Gone(Check(key=check.key, state=State.OK, since_ms=snapshot.wall_ms, value=check.value), (closed,))
