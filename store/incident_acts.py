"""What people do about an incident, and what was told of it, each an entry of its timeline.

Their entries are numbered below 0, from FIRST_SEQ up: they come before all records of agents and of the hub, so that
what the processor decides later is never taken for told before.
"""

from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from store.model import Change
from store.tables import incident, incident_event

EPOCH = 0
FIRST_SEQ = -(2**53)


class Acted(StrEnum):
    """How an act ended, and why it changed nothing."""

    DONE = "done"
    UNKNOWN = "unknown"  # there is no such incident
    CLOSED = "closed"
    ALREADY = "already"  # it was so before


def acknowledge(connection: Connection, number: int, author: str, now_ms: int, note: str = "") -> Acted:
    """Say that somebody looks after an open incident. Who said so first stays."""
    return _acknowledge(connection, number, author, now_ms, note, wanted=True)


def unacknowledge(connection: Connection, number: int, author: str, now_ms: int, note: str = "") -> Acted:
    """Take that back: nobody looks after it."""
    return _acknowledge(connection, number, author, now_ms, note, wanted=False)


def add_note(connection: Connection, number: int, author: str, now_ms: int, note: str) -> Acted:
    """A word of somebody for those who come later; closed incidents take it, too."""
    if _locked(connection, number) is None:
        return Acted.UNKNOWN
    add_entry(connection, number, Change.NOTED, note, author, now_ms)
    return Acted.DONE


def add_entry(connection: Connection, number: int, change: Change, sentence: str, author: str, now_ms: int) -> None:
    """Append to the timeline of an incident that is there."""
    row = _locked(connection, number)
    if row is None:
        return
    event = incident_event.c
    its_own = (event.number == number) & (event.epoch == EPOCH) & (event.seq < 0)
    last: int | None = connection.execute(select(func.max(event.seq)).where(its_own)).scalar()
    entry = {
        "number": number,
        "change": change,
        "severity": row.severity,
        "at_ms": now_ms,
        "received_ms": now_ms,
        "epoch": EPOCH,
        "seq": FIRST_SEQ if last is None else last + 1,
        "value": row.value,
        "sentence": sentence,
        "author": author,
    }
    connection.execute(insert(incident_event).values(entry))


def _acknowledge(connection: Connection, number: int, author: str, now_ms: int, note: str, *, wanted: bool) -> Acted:
    row = _locked(connection, number)
    if row is None:
        return Acted.UNKNOWN
    if row.closed_ms is not None:
        return Acted.CLOSED
    if (row.acknowledged_ms is not None) is wanted:
        return Acted.ALREADY
    columns = {"acknowledged_ms": now_ms if wanted else None, "acknowledged_by": author if wanted else ""}
    connection.execute(update(incident).where(incident.c.number == number).values(columns))
    change = Change.ACKNOWLEDGED if wanted else Change.UNACKNOWLEDGED
    add_entry(connection, number, change, note, author, now_ms)
    return Acted.DONE


def _locked(connection: Connection, number: int) -> Row[Any] | None:
    """The row, which stays as it is until this transaction ends."""
    return connection.execute(select(incident).where(incident.c.number == number).with_for_update()).first()
