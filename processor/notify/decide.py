"""Whether somebody is told of an incident on one channel: the facts and what was told so far in, a named reason out.

    nothing told --new--> PROBLEM --worse--> WORSE, --flapping--> FLAPPING, --time--> REMINDER, ESCALATION
                                         --closed--> RECOVERY, once

Pure. The caller puts what is decided into the outbox; from then on it is in the log that the next decision reads.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from configuration.notifications import Route
from health.state import State, is_worse
from store.outbox import OPENERS, Facts
from store.response import Notice, NoticeKind

GIVE_UP_AFTER_MS = 24 * 3_600_000
TRIED_FOR_MS = 3_600_000


class Why(StrEnum):
    """Why somebody is told, or nobody."""

    NEW = "new"
    WORSE = "worse"
    FLAPPING = "flapping"
    REMINDED = "reminded"
    ESCALATED = "escalated"
    RECOVERED = "recovered"
    PERHAPS_TOLD = "perhaps-told"  # a try ended nobody knows how: told again, so that its end can be told
    LATE = "late"  # found in late records: it is history
    IN_HAND = "in-hand"  # something is on its way already; the rest comes after it
    QUIET = "quiet"  # muted, or something else explains it
    NO_ROUTE = "no-route"
    UNDELIVERABLE = "undeliverable"  # the channel could not take the problem, and nothing has changed since
    TOLD = "told"  # nothing new to tell
    ACKNOWLEDGED = "acknowledged"
    SETTLED = "settled"  # closed, and nothing more to tell


class Void(StrEnum):
    """Why a notice that waits is not to be sent."""

    OVER = "it was over before it could be told"
    FLAPPING = "it began to flap before it could be told"
    CALM = "it flapped no more before it could be told"
    EASED = "it was better again before it could be told"
    ACKNOWLEDGED = "somebody had acknowledged it before it could be told"
    TOLD = "another notice told of it before"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The channel's part in an incident: the route that leads to it, and since when its escalation is due, if at all.

    `route` is None where none leads to it now. `is_escalation` when it leads there only by escalation.
    """

    channel: str
    route: Route | None
    is_escalation: bool = False
    escalation_due_ms: int | None = None
    sends_recovery: bool = True


Decision = tuple[NoticeKind | None, Why]


def decide(incident: Facts, log: Sequence[Notice], quiet: str, target: Target, now_ms: int) -> Decision:
    """What to tell of the incident on the channel whose notices `log` holds, oldest first.

    `quiet` says why nobody is to hear of the incident now, "" when there is no reason.

    1. Late findings are told to nobody; while a notice is on its way or all is quiet, nothing is added.
    2. Closed: the recovery goes where its problem was delivered, once.
    3. Open, and no route leads here: nothing. The channel could not take the problem: it is told anew, under another
       key, when it is worse than what could not be told, or when a reminder is due.
    4. Flapping is told once a period and nothing else meanwhile.
    5. Then, whichever comes first: the problem, that it is worse, the escalation, a reminder.
    """
    if incident.is_late:
        return None, Why.LATE
    if any(is_waiting(notice) for notice in log):
        return None, Why.IN_HAND
    is_told = any(notice.delivered_ms is not None and notice.kind in OPENERS for notice in log)
    if incident.closed_ms is not None:
        return _end(log, quiet, target, is_told=is_told)
    if quiet:
        return None, Why.QUIET
    if target.route is None:
        return None, Why.NO_ROUTE
    if not is_told and not _may_begin(incident, log, target, now_ms):
        return None, Why.UNDELIVERABLE
    if incident.flapping_since_ms is not None:
        return _flap(incident, log, target, is_told=is_told)
    if not is_told:
        return _begin(target, now_ms, incident)
    return _go_on(incident, log, target, now_ms)


def void(notice: Notice, incident: Facts, log: Sequence[Notice], quiet: str, now_ms: int) -> str:
    """Why a waiting notice must not be sent any more, "" when it may be.

    One that may have arrived is sent again whatever happened since, but for quiet: its end is told only after it.
    """
    if notice.leased_until_ms is not None and notice.leased_until_ms > now_ms:
        return ""
    if _is_told_by_another(notice, log):
        return Void.TOLD
    if quiet or notice.leased_until_ms is not None:
        return quiet
    if notice.kind is NoticeKind.RECOVERY:
        return ""
    if incident.closed_ms is not None:
        return Void.OVER
    if notice.kind is NoticeKind.FLAPPING:
        return "" if incident.flapping_since_ms is not None else Void.CALM
    if incident.flapping_since_ms is not None:
        return Void.FLAPPING
    return _moot(notice, incident, log)


def is_waiting(notice: Notice) -> bool:
    return notice.delivered_ms is None and notice.dead_ms is None and notice.cancelled_ms is None


def is_given_up(notice: Notice, begun_ms: int, now_ms: int) -> bool:
    """Whether it waited so long that nobody wants to hear of it any more.

    Each process, which began at `begun_ms`, tries it for a while first: the wall clock may have been set forward.
    """
    return now_ms >= max(notice.created_ms + GIVE_UP_AFTER_MS, begun_ms + TRIED_FOR_MS)


def look_again_ms(log: Sequence[Notice], target: Target, now_ms: int) -> int | None:
    """When `decide` or `void` may say something else of the same facts and notices; None: never."""
    times = [notice.leased_until_ms for notice in log if is_waiting(notice)]
    times.append(target.escalation_due_ms)
    if target.route is not None and target.route.remind_every_seconds is not None and log:
        times.append(_last_news_ms(log) + round(target.route.remind_every_seconds * 1000))
    return min((at_ms for at_ms in times if at_ms is not None and at_ms > now_ms), default=None)


def dedup_key(incident: Facts, channel: str, kind: NoticeKind, log: Sequence[Notice]) -> str:
    """The same for the same news, however often it is decided or sent."""
    which = {
        NoticeKind.WORSE: f"-{incident.severity}",
        NoticeKind.FLAPPING: f"-{incident.flapping_since_ms}",
        NoticeKind.REMINDER: f"-{1 + max(map(_reminder_no, log), default=0)}",
        NoticeKind.PROBLEM: _begun_before(kind, log),
        NoticeKind.ESCALATION: _begun_before(kind, log),
    }
    return f"{incident.number}/{channel}/{kind}{which.get(kind, '')}"


def perhaps_told(log: Sequence[Notice]) -> Notice | None:
    """The first notice of a problem that was cancelled after a try of which nobody knows how it ended."""
    return next((notice for notice in log if _is_perhaps_told(notice)), None)


def worst_told(log: Sequence[Notice]) -> State | None:
    """The worst severity that was delivered."""
    worst: State | None = None
    for severity in severities_told(log):
        if worst is None or is_worse(severity, worst):
            worst = severity
    return worst


def severities_told(log: Sequence[Notice]) -> list[State]:
    """Each severity that the delivered notices spoke of, once."""
    told = [State(str(notice.payload["severity"])) for notice in log if notice.delivered_ms is not None]
    return list(dict.fromkeys(told))


def _moot(notice: Notice, incident: Facts, log: Sequence[Notice]) -> str:
    if notice.kind in (NoticeKind.REMINDER, NoticeKind.ESCALATION) and incident.acknowledged_ms is not None:
        return Void.ACKNOWLEDGED
    told = worst_told(log)
    if notice.kind is NoticeKind.WORSE and told is not None and not is_worse(incident.severity, told):
        return Void.EASED
    return ""


def _end(log: Sequence[Notice], quiet: str, target: Target, *, is_told: bool) -> Decision:
    ended = any(
        notice.kind is NoticeKind.RECOVERY and (notice.delivered_ms is not None or notice.dead_ms is not None)
        for notice in log
    )
    perhaps = perhaps_told(log)
    if ended or not target.sends_recovery or not (is_told or perhaps is not None):
        return None, Why.SETTLED
    if quiet:
        return None, Why.QUIET
    if perhaps is not None and not is_told:
        return perhaps.kind, Why.PERHAPS_TOLD
    return NoticeKind.RECOVERY, Why.RECOVERED


def _flap(incident: Facts, log: Sequence[Notice], target: Target, *, is_told: bool) -> Decision:
    key = dedup_key(incident, target.channel, NoticeKind.FLAPPING, log)
    told = any(notice.dedup_key == key and notice.cancelled_ms is None for notice in log)
    if told or (target.is_escalation and not is_told):
        return None, Why.TOLD
    return NoticeKind.FLAPPING, Why.FLAPPING


def _may_begin(incident: Facts, log: Sequence[Notice], target: Target, now_ms: int) -> bool:
    """Whether there is anything new since the channel could not take the problem, if that was so."""
    dead = [State(str(notice.payload["severity"])) for notice in log if notice.dead_ms is not None]
    if not dead or all(is_worse(incident.severity, severity) for severity in dead):
        return True
    return incident.acknowledged_ms is None and _is_reminder_due(log, target, now_ms)


def _begin(target: Target, now_ms: int, incident: Facts) -> Decision:
    if not target.is_escalation:
        return NoticeKind.PROBLEM, Why.NEW
    if incident.acknowledged_ms is not None:
        return None, Why.ACKNOWLEDGED
    if target.escalation_due_ms is None or now_ms < target.escalation_due_ms:
        return None, Why.TOLD
    return NoticeKind.ESCALATION, Why.ESCALATED


def _go_on(incident: Facts, log: Sequence[Notice], target: Target, now_ms: int) -> Decision:
    told = worst_told(log)
    worse = told is None or is_worse(incident.severity, told)
    if worse and not any(_is_undelivered_worse(notice, incident) for notice in log):
        return NoticeKind.WORSE, Why.WORSE
    if incident.acknowledged_ms is not None:
        return None, Why.ACKNOWLEDGED
    escalated = any(notice.kind is NoticeKind.ESCALATION and notice.cancelled_ms is None for notice in log)
    if target.escalation_due_ms is not None and now_ms >= target.escalation_due_ms and not escalated:
        return NoticeKind.ESCALATION, Why.ESCALATED
    if _is_reminder_due(log, target, now_ms):
        return NoticeKind.REMINDER, Why.REMINDED
    return None, Why.TOLD


def _is_reminder_due(log: Sequence[Notice], target: Target, now_ms: int) -> bool:
    every_seconds = target.route.remind_every_seconds if target.route else None
    return every_seconds is not None and now_ms - _last_news_ms(log) >= every_seconds * 1000


def _is_perhaps_told(notice: Notice) -> bool:
    return notice.kind in OPENERS and notice.cancelled_ms is not None and notice.leased_until_ms is not None


def _is_undelivered_worse(notice: Notice, incident: Facts) -> bool:
    """Whether this very worsening is dead already."""
    is_its = notice.kind is NoticeKind.WORSE and notice.payload["severity"] == incident.severity
    return is_its and notice.dead_ms is not None


def _is_told_by_another(notice: Notice, log: Sequence[Notice]) -> bool:
    """Whether the same was told, or is about to be, since somebody had this dead one tried again."""
    if notice.kind not in (NoticeKind.PROBLEM, NoticeKind.ESCALATION):
        return False
    same = [other for other in log if other.kind is notice.kind and other.notice_no != notice.notice_no]
    return any(
        other.delivered_ms is not None or (is_waiting(other) and other.notice_no > notice.notice_no) for other in same
    )


def _begun_before(kind: NoticeKind, log: Sequence[Notice]) -> str:
    """Empty for the first try, then -2, -3: those that are dead keep their keys."""
    dead = [_try_no(notice) for notice in log if notice.kind is kind and notice.dead_ms is not None]
    return f"-{1 + max(dead)}" if dead else ""


def _try_no(opener: Notice) -> int:
    return int(opener.dedup_key.rpartition(f"/{opener.kind}")[2].removeprefix("-") or 1)


def _last_news_ms(log: Sequence[Notice]) -> int:
    return max(notice.delivered_ms or notice.dead_ms or 0 for notice in log)


def _reminder_no(notice: Notice) -> int:
    """How many reminders there were with this one; 0 for what is none, or was cancelled."""
    if notice.kind is not NoticeKind.REMINDER or notice.cancelled_ms is not None:
        return 0
    return int(notice.dedup_key.rpartition("-")[2])
