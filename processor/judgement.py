"""One observation of one check: how the check moves, and what that means for its incident.

A check's incident is open while its state is not ok or it flaps; nothing else opens or closes one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from health.flapping import REMEMBERED, changes, states
from health.machine import Patience, Reason, settled, step
from health.rule import Words
from health.state import URGENCY, State, is_worse
from processor.observation import Observation
from processor.rule_steps import with_own_steps
from store.model import Change, Check, CheckKey, IncidentChange, Remedy, Told

RemedyFinder = Callable[[str, State, Mapping[str, str]], Sequence[Remedy]]
"""From a rule's id, the severity and the labels to the known problems that fit."""

FOR_EVER_MS = 2**63
LONGEST_REASON = 300
RESTATED_AFTER_MS = 60_000
MEANINGFUL_SHARE = 0.005  # of the value told or the limit, the larger one: 0.5 points of a disk that is full
HARD_REASONS = frozenset({Reason.CONFIRMED, Reason.EASED, Reason.RECOVERED, Reason.FLAPPING, Reason.SETTLED})
_WITHHELD = Patience(hold_ms=FOR_EVER_MS, clear_hold_ms=FOR_EVER_MS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The record that observations come from, or stand behind.

    `after_silence` says that there was silence before it; one that `is_late` says nothing about now. `correction_ms` is
    added to its agent's clock where people read a time; nothing of the agent was before `first_seen_ms`.
    """

    agent_id: str
    epoch: int
    seq: int
    received_ms: int
    after_silence: bool = False
    is_late: bool = False
    correction_ms: int = 0
    first_seen_ms: int = 0


@dataclass(frozen=True, slots=True)
class Judged:
    """The check as it is now, None when it did not move, and what happened to its incident."""

    check: Check | None
    incidents: Sequence[IncidentChange] = ()


STEADY = Judged(None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A state in words; `metric`'s name ends in the unit of `value` and `limit`."""

    title: str
    sentence: str
    metric: str
    value: float
    limit: float


def judge(
    seen: Observation,
    known: Check | None,
    origin: Origin,
    find_remedies: RemedyFinder,
    *,
    target: State | None = None,
    is_unheard: bool = False,
    is_withheld: bool = False,
) -> Judged:
    """Move the check by the observation; `target` is what it says when that is not for the rule's levels to decide.

    1. After a silence nothing counts as having lasted: what was pending begins anew.
    2. What people were told of waits for a live record: a late one moves only what is pending.
    3. An incident that late records opened (`is_unheard`) becomes news with the first live one that shows it. What late
       results of active checks said, which may run once a day, `late_results` tells by the clock.
    4. One that was not opened because something explained it (`is_withheld`) opens with each live one that shows it:
       `withholding` decides whether anything still explains it. Without any record `releases` opens it by the clock.
    5. A rule that raises turns its check unknown, with the reason.
    6. An open incident says the value of now: it is restated, which is no news, once that has moved (`_restated`).
    """
    untold = _Untold(is_unheard=is_unheard, is_withheld=is_withheld)
    try:
        if seen.error is not None:
            raise seen.error
        return _judge(seen, known, origin, find_remedies, target, untold)
    except Exception as error:  # noqa: BLE001 one broken rule must stop no other
        return _judge(_failing(seen, error), known, origin, silenced(find_remedies), State.UNKNOWN, untold)


def closed(check: Check, at_ms: int, origin: Origin, sentence: str) -> Judged:
    """The end of a check that nothing feeds any more, and of its incident."""
    after = Check(key=check.key, state=State.OK, since_ms=at_ms, value=check.value)
    said = Said(title=check.key.rule, sentence=sentence, metric="", value=check.value, limit=check.value)
    return Judged(after, _told(_between(check, after), check, after, at_ms, origin, said, ()))


def restated(seen: Observation, check: Check, origin: Origin) -> IncidentChange:
    """The check's open incident in newer words."""
    [change] = _told([Change.RESTATED], check, check, seen.at_ms, origin, _said(seen, check), ())
    return change


def released(
    seen: Observation, check: Check, since_ms: int, origin: Origin, find_remedies: RemedyFinder
) -> Sequence[IncidentChange]:
    """The incident of a withheld check, opened as the check stands, in trouble since then; none while it mends.

    `seen` holds the words, and the value that was kept.
    """
    if not is_open(check) or (check.pending is State.OK and check.flapping_since_ms is None):
        return ()
    said = _until_now_withheld(_said(seen, check), since_ms, origin)
    remedies = _remedies(seen, severity_of(check), find_remedies)
    return _told(_between(_calm(check), check), check, check, seen.at_ms, origin, said, remedies)


def is_open(check: Check) -> bool:
    """Whether it has an open incident."""
    return check.state is not State.OK or check.flapping_since_ms is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Untold:
    """Why nobody was told of a check that is in trouble: late records opened its incident, or none was opened."""

    is_unheard: bool
    is_withheld: bool

    @property
    def to_anybody(self) -> bool:
        return self.is_unheard or self.is_withheld


def _judge(
    seen: Observation,
    known: Check | None,
    origin: Origin,
    find_remedies: RemedyFinder,
    target: State | None,
    untold: _Untold,
) -> Judged:
    rule = seen.rule
    key = CheckKey(origin.agent_id, rule.rule_id, seen.subject)
    before = known or Check(key=key, state=State.OK, since_ms=seen.at_ms, value=0.0)
    held = settled(before) if origin.after_silence else before
    aim = rule.target(before.state, seen.value) if target is None else target
    if origin.is_late and is_open(before) and not untold.to_anybody:
        moved, reason = step(held, aim, seen.value, seen.at_ms, _WITHHELD)
        after = replace(moved, history=before.history, flapping_since_ms=before.flapping_since_ms)
    else:
        after, reason = step(held, aim, seen.value, seen.at_ms, rule.patience)
    happened = _happened(before, after, origin, untold) if after is not before or untold.to_anybody else ()
    if not happened:
        is_told = not origin.is_late and not untold.to_anybody
        newer = _restated(seen, after, origin, by_levels=target is None) if is_told else None
        return newer or (STEADY if after is before or replace(after, value=before.value) == before else Judged(after))
    opens = happened[0] is Change.OPENED
    remedies = _remedies(seen, severity_of(after), find_remedies) if opens else ()
    said = _said(seen, after)
    if untold.is_withheld and is_open(before):
        said = _until_now_withheld(said, before.since_ms + origin.correction_ms, origin)
    changes = _told(happened, before, after, seen.at_ms, origin, said, remedies, reason)
    if untold.is_withheld:
        return Judged(None if after is before else after, changes)
    return Judged(_having_told(after, said, seen.at_ms), changes)


def silenced(find_remedies: RemedyFinder) -> RemedyFinder:
    """The same, but it finds nothing where that one raises: the trouble is told all the same."""

    def find(rule: str, severity: State, labels: Mapping[str, str]) -> Sequence[Remedy]:
        try:
            return find_remedies(rule, severity, labels)
        except Exception:  # noqa: BLE001 what fails is an aid
            return ()

    return find


def _remedies(seen: Observation, severity: State, find_remedies: RemedyFinder) -> Sequence[Remedy]:
    found = find_remedies(seen.rule.rule_id, severity, seen.labels)
    return with_own_steps(seen.rule, severity, seen.labels, found)


def _restated(seen: Observation, check: Check, origin: Origin, *, by_levels: bool) -> Judged | None:
    """The open incident in the words of now; None where that says nothing new, or was said less than a minute ago.

    Where levels judge the value, it must have moved by a meaningful amount; else the words must be others. What is
    already better is told once that counts, and a value that flaps is none of now.
    """
    if check.flapping_since_ms is not None or not _shows(check):
        return None
    told = check.told or Told(check.value, "", check.since_ms)
    if 0 <= seen.at_ms - told.at_ms < RESTATED_AFTER_MS:
        return None
    scale = max(abs(told.value), abs(seen.rule.limit_for(severity_of(check))))
    if by_levels and abs(seen.value - told.value) <= MEANINGFUL_SHARE * scale:
        return None
    said = _said(seen, check)
    if not by_levels and said.sentence == told.sentence:
        return None
    newer = _having_told(replace(check, value=seen.value), said, seen.at_ms)
    return Judged(newer, _told([Change.RESTATED], newer, newer, seen.at_ms, origin, said, ()))


def _having_told(check: Check, said: Said, at_ms: int) -> Check:
    return replace(check, told=Told(said.value, said.sentence, at_ms) if is_open(check) else None)


def _happened(before: Check, after: Check, origin: Origin, untold: _Untold) -> Sequence[Change]:
    if untold.is_withheld:
        return _between(_calm(before), after) if not origin.is_late and _shows(after) else []
    happened = _between(before, after)
    if untold.is_unheard and not origin.is_late and _shows(after):
        return [*(change for change in happened if change not in (Change.WORSENED, Change.EASED)), Change.WORSENED]
    return happened


def _calm(check: Check) -> Check:
    return replace(check, state=State.OK, flapping_since_ms=None)


def _until_now_withheld(said: Said, since_ms: int, origin: Origin) -> Said:
    """The same words with since when it is so, where that can be: hosts' clocks are set, some to any time."""
    since = ""
    if origin.first_seen_ms <= since_ms <= origin.received_ms:
        since = f"so since {datetime.fromtimestamp(since_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC, "
    return replace(said, sentence=f"{said.sentence}; {since}until now behind another trouble")


def severity_of(check: Check) -> State:
    """Its state; of one that flaps the worst it was in lately."""
    if check.flapping_since_ms is None:
        return check.state
    return min((check.state, *states(check.history)), key=URGENCY.__getitem__)


def _between(before: Check, after: Check) -> list[Change]:
    """What happened to the incident, in this order. While the check flaps its state goes on in silence."""
    was_flapping, flaps = before.flapping_since_ms is not None, after.flapping_since_ms is not None
    if not is_open(before):
        opened = [Change.OPENED] if is_open(after) else []
        return [*opened, Change.FLAPPING] if flaps else opened
    settles = [Change.SETTLED] if was_flapping and not flaps else []
    if not is_open(after):
        return [*settles, Change.CLOSED]
    if flaps or settles:
        return settles or ([] if was_flapping else [Change.FLAPPING])
    if after.state is before.state:
        return []
    return [Change.WORSENED if is_worse(after.state, before.state) else Change.EASED]


def _shows(check: Check) -> bool:
    """Whether what was observed just now is the trouble, and not already better."""
    if check.flapping_since_ms is not None:
        return True
    return check.state is not State.OK and (check.pending is None or is_worse(check.pending, check.state))


def _told(
    happened: Sequence[Change],
    before: Check,
    after: Check,
    at_ms: int,
    origin: Origin,
    said: Said,
    remedies: Sequence[Remedy],
    reason: Reason | None = None,
) -> Sequence[IncidentChange]:
    return [
        IncidentChange(
            key=after.key,
            change=change,
            severity=severity_of(after if is_open(after) else before),
            at_ms=at_ms + origin.correction_ms,
            received_ms=origin.received_ms,
            epoch=origin.epoch,
            seq=origin.seq,
            metric=said.metric,
            value=said.value,
            limit=said.limit,
            title=said.title,
            sentence=said.sentence,
            remedies=remedies if change is Change.OPENED else (),
            is_late=origin.is_late,
            reason=reason if reason in HARD_REASONS else None,
        )
        for change in happened
    ]


def _said(seen: Observation, after: Check) -> Said:
    """The rule's words; those of an end stop no end."""
    rule, limit = seen.rule, seen.rule.limit_for(severity_of(after))
    words = Words({**seen.labels, **seen.words, "value": seen.value, "limit": limit})
    try:
        title, sentence = rule.title.format_map(words), rule.sentence.format_map(words)
    except Exception:
        if is_open(after):
            raise
        title, sentence = rule.rule_id, f"{rule.rule_id} is ok again"
    if after.flapping_since_ms is not None:
        sentence = f"{sentence}; it changed {changes(after.history)} times in the last {REMEMBERED} readings"
    return Said(title=title, sentence=sentence, metric=rule.metric, value=seen.value, limit=limit)


def _failing(seen: Observation, error: Exception) -> Observation:
    reason = " ".join(f"{type(error).__name__}: {error}".split())[:LONGEST_REASON]
    sentence = "the rule {rule} cannot be judged here: {reason}. Mend the rule in its file"
    rule = replace(seen.rule, title="the rule {rule} fails", sentence=sentence, patience=Patience())
    return replace(seen, rule=rule, words={"rule": rule.rule_id, "reason": reason}, error=None)
