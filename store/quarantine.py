"""Reading the quarantine: what nobody could read, kept for people."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from store.model import Quarantined
from store.tables import quarantine


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineEntry:
    """A line about a quarantined message; `get` with its number has the bytes."""

    no: int
    received_ms: int
    routing_key: str
    message_id: str | None
    reason: str
    detail: str
    sha256: str
    size_bytes: int


def count(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(quarantine)).scalar_one()


def list_entries(connection: Connection, before: int | None, limit: int) -> list[QuarantineEntry]:
    """Up to `limit` entries, newest number first, those numbered below `before` or from the newest on."""
    columns = [quarantine.c[name] for name in QuarantineEntry.__slots__ if name != "size_bytes"]
    size = func.length(quarantine.c.body).label("size_bytes")
    query = select(*columns, size).order_by(quarantine.c.no.desc()).limit(limit)
    if before is not None:
        query = query.where(quarantine.c.no < before)
    return [QuarantineEntry(**row) for row in connection.execute(query).mappings()]


def get(connection: Connection, no: int) -> Quarantined | None:
    """The whole quarantined message."""
    columns = [quarantine.c[name] for name in Quarantined.__slots__]
    row = connection.execute(select(*columns).where(quarantine.c.no == no)).mappings().first()
    return Quarantined(**row) if row else None
