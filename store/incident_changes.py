"""Writing what happened to incidents: each change once, however often it is told."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, insert, literal, or_, select, tuple_, update

from store.model import HUB, Change, CheckKey, IncidentChange
from store.tables import incident, incident_event
from store.upsert import insert_new


def keep_changes(
    connection: Connection, changes: Sequence[IncidentChange], agent_nos: Mapping[str, int]
) -> dict[CheckKey, int]:
    """Apply the changes in their order; returns the incident's number for each check that has or had one.

    1. A change that is in a timeline already, or of a record before the newest in it, changes nothing. All are looked
       up before any is applied: one record may bring several, and its check may open twice.
    2. `OPENED` while the check has an open incident changes nothing.
    3. Any other change while the check has none open is dropped: there is nothing to change.
    """
    checks = [_check(change.key, agent_nos[change.key.agent_id]) for change in changes]
    told = [_told_before(connection, change, check) for change, check in zip(changes, checks, strict=True)]
    numbers: dict[CheckKey, int] = {}
    for change, check, told_number in zip(changes, checks, told, strict=True):
        agent_no = agent_nos[change.key.agent_id]
        number = _keep_change(connection, change, check, agent_no) if told_number is None else told_number
        if number is not None:
            numbers[change.key] = number
    return numbers


def _check(key: CheckKey, agent_no: int) -> ColumnElement[bool]:
    return and_(incident.c.agent_no == agent_no, incident.c.rule == key.rule, incident.c.subject == key.subject)


def _keep_change(
    connection: Connection, change: IncidentChange, check: ColumnElement[bool], agent_no: int
) -> int | None:
    open_number = connection.execute(select(incident.c.number).where(check, incident.c.closed_ms.is_(None))).scalar()
    if change.change is Change.OPENED:
        return open_number if open_number is not None else _open(connection, change, agent_no)
    if open_number is not None:
        connection.execute(update(incident).where(incident.c.number == open_number).values(_changed_columns(change)))
        if change.change is not Change.RESTATED:
            _append(connection, change, open_number)
    return open_number


def _told_before(connection: Connection, change: IncidentChange, check: ColumnElement[bool]) -> int | None:
    """The incident whose timeline has this very decision, or a later record's.

    What time alone decides may come at one record twice, and is received at another moment then. The hub has no
    records: its times order nothing, because its clock may be set back.
    """
    event = incident_event.c
    place = and_(event.epoch == change.epoch, event.seq == change.seq)
    known = and_(place, event.change == change.change, event.received_ms == change.received_ms)
    if change.key.agent_id != HUB:
        known = or_(known, tuple_(event.epoch, event.seq) > tuple_(literal(change.epoch), literal(change.seq)))
    query = select(incident.c.number).join(incident_event).where(check, known).order_by(event.event_no)
    return connection.execute(query.limit(1)).scalar()


def _open(connection: Connection, change: IncidentChange, agent_no: int) -> int:
    row: dict[str, Any] = {
        "agent_no": agent_no,
        "rule": change.key.rule,
        "subject": change.key.subject,
        "metric": change.metric,
        "opened_ms": change.at_ms,
        "remedies": [asdict(remedy) for remedy in change.remedies],
        **_changed_columns(change),
        "is_late": change.is_late,
    }
    number: int = connection.execute(insert(incident).values(row).returning(incident.c.number)).scalar_one()
    _append(connection, change, number)
    return number


def _changed_columns(change: IncidentChange) -> dict[str, Any]:
    now: dict[str, Any] = {"sentence": change.sentence, "value": change.value, "updated_ms": change.at_ms}
    if change.change is Change.CLOSED:
        return now | {"closed_ms": change.at_ms}  # title, severity and limit stay as they were
    if change.change is Change.RESTATED:
        return now
    if change.change is Change.FLAPPING:
        now["flapping_since_ms"] = change.at_ms
    if change.change is Change.SETTLED:
        now["flapping_since_ms"] = None
    late = {} if change.is_late else {"is_late": False}  # what a live record confirms is news
    return now | late | {"title": change.title, "severity": change.severity, "limit_value": change.limit}


def _append(connection: Connection, change: IncidentChange, number: int) -> None:
    """Once for each record and change: what goes back and forth within one record shows as having done so once."""
    names = ("change", "severity", "at_ms", "received_ms", "epoch", "seq", "value", "sentence")
    its_own = {"number": number, "reason": change.reason or ""}
    insert_new(connection, incident_event, [its_own | {name: getattr(change, name) for name in names}])
