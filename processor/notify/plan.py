"""What is to change in the outbox now: every incident and every channel through the decision, once. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from configuration.notifications import NotificationSettings, Route
from health.state import State
from processor.notify.decide import (
    Target,
    Why,
    decide,
    dedup_key,
    is_given_up,
    is_waiting,
    look_again_ms,
    perhaps_told,
    severities_told,
    void,
)
from processor.notify.grouping import Leaving, Timetable
from processor.notify.routes import Logs, targets
from processor.notify.steady import Now
from store.outbox import Facts
from store.response import Notice, NoticeKind


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The incidents to decide now, open ones and closed ones not yet settled, with their notices and why they are
    quiet, by number; and all that waits, whatever it is about. Notices have steady times. `behind` are the agents that
    stand behind others."""

    incidents: Sequence[Facts]
    logs: Mapping[int, Logs]
    waiting: Sequence[Notice]
    quiet: Mapping[int, str]
    behind: Collection[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """Something to tell, without its words."""

    incident: Facts
    channel: str
    kind: NoticeKind
    why: Why
    dedup_key: str
    due_ms: int
    route: str  # what is told together has the same
    told: Sequence[State]  # the severities told on the channel before


@dataclass(slots=True)
class Plan:
    """`cancelled` and `buried` are notice numbers, each with why; `unsettled` are closed incidents to look at again,
    `look_again_ms` says of incidents when to decide again, though nothing happens, and `leaving` of groups when they
    leave next, both in steady time."""

    news: list[News] = field(default_factory=list)
    cancelled: list[tuple[int, str]] = field(default_factory=list)
    buried: list[tuple[int, str]] = field(default_factory=list)
    unsettled: set[int] = field(default_factory=set)
    look_again_ms: dict[int, int] = field(default_factory=dict)
    leaving: Leaving = field(default_factory=dict)

    @property
    def changes_anything(self) -> bool:
        return bool(self.news or self.cancelled or self.buried)


def plan_of(
    view: View,
    settings: NotificationSettings,
    in_flight: Collection[int],
    begun_ms: int,
    now: Now,
    left: Leaving,
) -> Plan:
    """`in_flight` are the numbers of notices that a notifier has in hand at this moment; this process began at
    `begun_ms` by the steady clock; `left` is the last plan's `leaving`."""
    plan = Plan()
    _bury(plan, view, settings, in_flight, begun_ms, now.steady_ms)
    timetable = Timetable(left, view.waiting, view.behind, now.steady_ms)
    for incident in view.incidents:
        for target in targets(incident, view.logs[incident.number], settings, now.wall_ms):
            log = _log(plan, incident, target, view, now.steady_ms)
            _plan_target(plan, incident, target, log, view.quiet[incident.number], settings, timetable, now.steady_ms)
    plan.leaving = timetable.leaving
    return plan


def _bury(
    plan: Plan,
    view: View,
    settings: NotificationSettings,
    in_flight: Collection[int],
    begun_ms: int,
    now_ms: int,
) -> None:
    for notice in view.waiting:
        if notice.notice_no in in_flight:
            continue
        if notice.channel not in settings.channels:
            plan.buried.append((notice.notice_no, f"there is no channel {notice.channel} in the settings any more"))
        elif is_given_up(notice, begun_ms, now_ms):
            plan.buried.append((notice.notice_no, f"not delivered within 24 hours: {notice.why or 'never tried'}"))


def _log(plan: Plan, incident: Facts, target: Target, view: View, now_ms: int) -> Sequence[Notice]:
    """The channel's notices as they will be: what is buried or void has ended."""
    buried = {number for number, _ in plan.buried}
    logs = view.logs[incident.number]
    log = [_as_planned(notice, buried, now_ms) for notice in logs.get(target.channel, ())]
    for place, notice in enumerate(log):
        why = void(notice, incident, log, view.quiet[incident.number], now_ms) if is_waiting(notice) else ""
        if why:
            plan.cancelled.append((notice.notice_no, why))
            log[place] = replace(notice, cancelled_ms=now_ms)
    return log


def _plan_target(
    plan: Plan,
    incident: Facts,
    target: Target,
    log: Sequence[Notice],
    quiet: str,
    settings: NotificationSettings,
    timetable: Timetable,
    now_ms: int,
) -> None:
    kind, why_so = decide(incident, log, quiet, target, now_ms)
    if incident.closed_ms is not None and why_so is not Why.SETTLED and why_so is not Why.LATE:
        plan.unsettled.add(incident.number)
    again_ms = look_again_ms(log, target, now_ms)
    if again_ms is not None:
        plan.look_again_ms[incident.number] = min(again_ms, plan.look_again_ms.get(incident.number, again_ms))
    if kind is None:
        return
    route = _name(target.route, settings)
    told_before = perhaps_told(log) if why_so is Why.PERHAPS_TOLD else None
    key = told_before.dedup_key if told_before else dedup_key(incident, target.channel, kind, log)
    window_ms = round(target.route.grouping_seconds * 1000) if target.route else 0
    plan.news.append(
        News(
            incident=incident,
            channel=target.channel,
            kind=kind,
            why=why_so,
            dedup_key=key,
            due_ms=timetable.due_ms(target.channel, route, incident.key.rule, incident.key.agent_id, window_ms),
            route=route,
            told=severities_told(log),
        )
    )


def _as_planned(notice: Notice, buried: Collection[int], now_ms: int) -> Notice:
    return replace(notice, dead_ms=now_ms) if notice.notice_no in buried else notice


def _name(route: Route | None, settings: NotificationSettings) -> str:
    """The route's place in the file, counted from 1; what follows no route goes by itself."""
    return str(settings.routes.index(route) + 1) if route is not None else ""
