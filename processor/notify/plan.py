"""What is to change in the outbox now: every incident and every channel through the decision, once. Pure."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from configuration.notifications import NotificationSettings, Route
from health.state import State
from processor.notify.decide import Why, decide, dedup_key, is_given_up, is_waiting, perhaps_told, severities_told, void
from processor.notify.routes import targets
from processor.notify.suppression import Quiet
from store.outbox import Facts
from store.response import Notice, NoticeKind


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What was read from the store: the open incidents and the closed ones not yet settled, their notices, oldest
    first, and all that waits, whatever it is about."""

    incidents: Sequence[Facts]
    log: Sequence[Notice]
    waiting: Sequence[Notice]
    quiet: Quiet


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
    """`cancelled` and `buried` are notice numbers, each with why; `unsettled` are closed incidents to look at again."""

    news: list[News] = field(default_factory=list)
    cancelled: list[tuple[int, str]] = field(default_factory=list)
    buried: list[tuple[int, str]] = field(default_factory=list)
    unsettled: set[int] = field(default_factory=set)

    @property
    def changes_anything(self) -> bool:
        return bool(self.news or self.cancelled or self.buried)


def plan_of(view: View, settings: NotificationSettings, in_flight: Collection[int], now_ms: int) -> Plan:
    """`in_flight` are the numbers of notices that a notifier has in hand at this moment."""
    plan = Plan()
    _bury(plan, view, settings, in_flight, now_ms)
    logs: dict[int, dict[str, list[Notice]]] = defaultdict(lambda: defaultdict(list))
    for notice in view.log:
        if notice.number is not None:
            logs[notice.number][notice.channel].append(notice)
    due = _groups_due(view.waiting, now_ms)
    for incident in view.incidents:
        _plan_incident(plan, incident, logs[incident.number], view.quiet.reason(incident), settings, due, now_ms)
    return plan


def _bury(plan: Plan, view: View, settings: NotificationSettings, in_flight: Collection[int], now_ms: int) -> None:
    for notice in view.waiting:
        if notice.notice_no in in_flight:
            continue
        if notice.channel not in settings.channels:
            plan.buried.append((notice.notice_no, f"there is no channel {notice.channel} in the settings any more"))
        elif is_given_up(notice, now_ms):
            plan.buried.append((notice.notice_no, f"not delivered within 24 hours: {notice.why or 'never tried'}"))


def _plan_incident(
    plan: Plan,
    incident: Facts,
    logs: Mapping[str, Sequence[Notice]],
    quiet: str,
    settings: NotificationSettings,
    due: dict[tuple[str, str], int],
    now_ms: int,
) -> None:
    buried = {number for number, _ in plan.buried}
    for target in targets(incident, logs, settings, now_ms):
        log = [_as_planned(notice, buried, now_ms) for notice in logs.get(target.channel, ())]
        for place, notice in enumerate(log):
            why = void(notice, incident, log, quiet, now_ms) if is_waiting(notice) else ""
            if why:
                plan.cancelled.append((notice.notice_no, why))
                log[place] = replace(notice, cancelled_ms=now_ms)
        kind, why_so = decide(incident, log, quiet, target, now_ms)
        if incident.closed_ms is not None and why_so is not Why.SETTLED and why_so is not Why.LATE:
            plan.unsettled.add(incident.number)
        if kind is None:
            continue
        route = _name(target.route, settings)
        told_before = perhaps_told(log) if why_so is Why.PERHAPS_TOLD else None
        key = told_before.dedup_key if told_before else dedup_key(incident, target.channel, kind, log)
        group = (target.channel, route)
        window_ms = round(target.route.grouping_seconds * 1000) if target.route else 0
        due_ms = due.setdefault(group, now_ms + window_ms) if window_ms else now_ms
        plan.news.append(
            News(
                incident=incident,
                channel=target.channel,
                kind=kind,
                why=why_so,
                dedup_key=key,
                due_ms=due_ms,
                route=route,
                told=severities_told(log),
            )
        )


def _as_planned(notice: Notice, buried: Collection[int], now_ms: int) -> Notice:
    return replace(notice, dead_ms=now_ms) if notice.notice_no in buried else notice


def _groups_due(waiting: Sequence[Notice], now_ms: int) -> dict[tuple[str, str], int]:
    """When what is gathered goes out, by channel and route: whoever comes meanwhile goes with it."""
    due: dict[tuple[str, str], int] = {}
    for notice in waiting:
        if notice.due_ms > now_ms and not notice.attempts and notice.leased_until_ms is None:
            due.setdefault((notice.channel, str(notice.payload.get("route", ""))), notice.due_ms)
    return due


def _name(route: Route | None, settings: NotificationSettings) -> str:
    """The route's place in the file, counted from 1; what follows no route goes by itself."""
    return str(settings.routes.index(route) + 1) if route is not None else ""
