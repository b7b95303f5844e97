"""Reading incidents."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Label, Row, case, func, select

from health.state import URGENCY, State
from store.model import Change, CheckKey, Incident, Remedy, Step, TimelineEntry
from store.tables import agent, incident, incident_event

Which = Literal["open", "closed", "all"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIncident:
    """What a host's state needs to know of an open incident, without its remedies."""

    number: int
    agent_id: str
    host_name: str | None
    severity: State
    sentence: str
    opened_ms: int
    rule: str
    subject: str
    group_name: str
    acknowledged_by: str  # empty while nobody looks after it
    severity_since_ms: int  # when the severity of now began
    is_late: bool = False  # found in late records only: nobody was notified

    @property
    def key(self) -> CheckKey:
        return CheckKey(self.agent_id, self.rule, self.subject)


def list_incidents(
    connection: Connection, state: Which, agent_id: str | None, before: int | None, limit: int
) -> list[Incident]:
    """Up to `limit` incidents, newest number first, those numbered below `before` or from the newest on.

    They come without timeline.
    """
    query = _QUERY.order_by(incident.c.number.desc()).limit(limit)
    if state != "all":
        query = query.where(incident.c.closed_ms.is_(None) if state == "open" else incident.c.closed_ms.is_not(None))
    if agent_id is not None:
        query = query.where(agent.c.agent_id == agent_id)
    if before is not None:
        query = query.where(incident.c.number < before)
    return [_incident(row, ()) for row in connection.execute(query)]


def urgent_incidents(connection: Connection, agent_id: str, limit: int) -> list[Incident]:
    """Up to `limit` open incidents of an agent without timeline: the most urgent first, of equals the newest."""
    of_agent = _QUERY.where(agent.c.agent_id == agent_id, incident.c.closed_ms.is_(None))
    urgency = case({state.value: rank for state, rank in URGENCY.items()}, value=incident.c.severity)
    ordered = of_agent.order_by(urgency, incident.c.number.desc()).limit(limit)
    return [_incident(row, ()) for row in connection.execute(ordered)]


def get_incident(connection: Connection, number: int) -> Incident | None:
    """One incident with its timeline, oldest change first."""
    row = connection.execute(_QUERY.where(incident.c.number == number)).first()
    if row is None:
        return None
    event = incident_event.c
    changes = connection.execute(
        select(event.change, event.at_ms, event.sentence, event.severity, event.value, event.author, event.reason)
        .where(event.number == number)
        .order_by(event.event_no)
    )
    timeline = [
        TimelineEntry(**{**item, "change": Change(item["change"]), "severity": State(item["severity"])})
        for item in changes.mappings()
    ]
    return _incident(row, tuple(timeline))


def remedies_of(connection: Connection, number: int) -> Sequence[Remedy]:
    kept = connection.execute(select(incident.c.remedies).where(incident.c.number == number)).scalar()
    return tuple(_remedy(remedy) for remedy in kept or ())


def open_incidents(connection: Connection, agent_ids: Collection[str] | None = None) -> list[OpenIncident]:
    """Every open incident of these agents (None: all), in no order."""
    names = ("number", "severity", "sentence", "opened_ms", "rule", "subject", "acknowledged_by", "is_late")
    query = (
        select(agent.c.agent_id, agent.c.host_name, agent.c.group_name, *(incident.c[name] for name in names))
        .add_columns(_SEVERITY_SINCE)
        .join_from(incident, agent)
        .where(incident.c.closed_ms.is_(None))
    )
    if agent_ids is not None:
        query = query.where(agent.c.agent_id.in_(agent_ids))
    rows = connection.execute(query).mappings()
    return [OpenIncident(**{**row, "severity": State(row["severity"])}) for row in rows]


def _severity_since() -> Label[int]:
    """When the severity of now began: the first entry after the last one of another severity."""
    entry, other = incident_event.alias("entry"), incident_event.alias("other")
    its_other = (other.c.severity != incident.c.severity) & (other.c.change != Change.CLOSED)
    others = select(func.max(other.c.event_no)).where(other.c.number == incident.c.number, its_other)
    last_other = others.correlate(incident).scalar_subquery()
    of_now = (entry.c.number == incident.c.number) & (entry.c.event_no > func.coalesce(last_other, 0))
    since = select(func.min(entry.c.at_ms)).where(of_now).correlate(incident).scalar_subquery()
    return func.coalesce(since, incident.c.opened_ms).label("severity_since_ms")


_SEVERITY_SINCE = _severity_since()
_QUERY = select(incident, agent.c.agent_id, agent.c.host_name, _SEVERITY_SINCE).join(agent)


def _incident(row: Row[Any], timeline: tuple[TimelineEntry, ...]) -> Incident:
    return Incident(
        number=row.number,
        key=CheckKey(row.agent_id, row.rule, row.subject),
        host_name=row.host_name,
        severity=State(row.severity),
        title=row.title,
        sentence=row.sentence,
        metric=row.metric,
        value=row.value,
        limit=row.limit_value,
        opened_ms=row.opened_ms,
        updated_ms=row.updated_ms,
        closed_ms=row.closed_ms,
        remedies=tuple(_remedy(remedy) for remedy in row.remedies),
        timeline=timeline,
        acknowledged_ms=row.acknowledged_ms,
        acknowledged_by=row.acknowledged_by,
        flapping_since_ms=row.flapping_since_ms,
        is_late=row.is_late,
        severity_since_ms=row.severity_since_ms,
    )


def _remedy(fields: Mapping[str, Any]) -> Remedy:
    return Remedy(**{**fields, "steps": tuple(Step(**step) for step in fields["steps"])})
