"""Which channels an incident concerns, and by which route. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from configuration.notifications import NotificationSettings, Route
from processor.findings import AGENT_SILENT, GROUP_SILENT
from processor.notify.decide import Target
from processor.silence.family import subject_of
from store.model import HUB
from store.outbox import OPENERS, Facts
from store.response import Notice

A_GROUP = "group="  # how a subject begins that names one group

Logs = Mapping[str, Sequence[Notice]]
"""From a channel to its notices of one incident, oldest first."""


def targets(incident: Facts, logs: Logs, settings: NotificationSettings, now_ms: int) -> list[Target]:
    """The channels to decide for: those that a route leads to now, and those that were told something before.

    1. Routes are asked in their order; the first that fits, in its hours, decides, unless it goes on. What the hub says
       of several groups, and no route is for, goes to all their routes: the notices of their hosts wait for it.
    2. A channel has the first route that leads to it; one that escalates to it as well gives it the time for that.
    3. Recoveries go where the problem was told, whatever the hour.
    """
    found: dict[str, Target] = {}
    own = [route for route in settings.routes if fits(route, incident)]
    for route in own or _routes_of_groups(incident, settings):
        if route.time is not None and not route.time.contain(now_ms):
            continue
        for channel in route.channels:
            found.setdefault(channel, Target(channel=channel, route=route, sends_recovery=route.send_recovery))
        _add_escalation(found, route, logs)
        if own and not route.goes_on:
            break
    for channel in logs:
        if channel in settings.channels and channel not in found:
            sends = _sends_recovery(channel, incident, settings)
            found[channel] = Target(channel=channel, route=None, sends_recovery=sends)
    return list(found.values())


def fits(route: Route, incident: Facts) -> bool:
    """Whether the route is for such incidents, whatever the hour. What the hub says of a group is of that group."""
    of_hub = {subject_of(("group", group)) for group in route.groups if incident.key.agent_id == HUB}
    is_of_group = incident.group_name in route.groups or incident.key.subject in of_hub
    return (not route.groups or is_of_group) and _fits_else(route, incident)


def _fits_else(route: Route, incident: Facts) -> bool:
    """The silence of many hosts is the silence of each: the notices of the hosts wait for it."""
    is_severity = not route.severities or incident.severity in route.severities
    meant = {incident.key.rule} | ({AGENT_SILENT.rule} if incident.key.rule == GROUP_SILENT.rule else set())
    return is_severity and (not route.rules or not meant.isdisjoint(route.rules))


def _routes_of_groups(incident: Facts, settings: NotificationSettings) -> list[Route]:
    if incident.key.agent_id != HUB or incident.key.subject.startswith(A_GROUP):
        return []
    return [route for route in settings.routes if _fits_else(route, incident)]


def _add_escalation(found: dict[str, Target], route: Route, logs: Logs) -> None:
    """Due so long after the first of the route's channels was to be told, whether that succeeded or not."""
    if route.escalate_after_seconds is None:
        return
    begun = [
        notice.created_ms
        for channel in route.channels
        for notice in logs.get(channel, ())
        if notice.kind in OPENERS and notice.cancelled_ms is None
    ]
    due_ms = min(begun) + round(route.escalate_after_seconds * 1000) if begun else None
    for channel in route.escalate_to:
        known = found.get(channel)
        if known is None:
            found[channel] = Target(
                channel=channel,
                route=route,
                is_escalation=True,
                escalation_due_ms=due_ms,
                sends_recovery=route.send_recovery,
            )
        elif known.escalation_due_ms is None:
            found[channel] = replace(known, escalation_due_ms=due_ms)


def _sends_recovery(channel: str, incident: Facts, settings: NotificationSettings) -> bool:
    for route in settings.routes:
        if (channel in route.channels or channel in route.escalate_to) and fits(route, incident):
            return route.send_recovery
    return True
