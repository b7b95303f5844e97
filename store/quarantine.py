"""Reading the quarantine, and the way back out of it: a person asks for a redrive, the processor takes it up.

Bodies are bytes that nobody interprets here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Engine, Select, func, select, update

from store import fence
from store.engine import reading, transaction
from store.model import Quarantined
from store.tables import quarantine, quarantine_total


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineEntry:
    """A line about a quarantined message; `get` with its number has the bytes.

    `sha256` and `size_bytes` are the whole body's; without `body_kept` only its beginning is there, and no redrive.
    A redrive that was asked for and not yet taken up has `redrive_requested_ms`, `redriven_ms` is when one was tried
    last.
    """

    no: int
    received_ms: int
    routing_key: str
    message_id: str | None
    reason: str
    detail: str
    sha256: str
    size_bytes: int
    body_kept: bool
    redrive_requested_ms: int | None
    redriven_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineTotal:
    """`entries` are there, `bodies` of them whole with `body_bytes`; `dropped` were there and went for their number."""

    entries: int
    bodies: int
    body_bytes: int
    dropped: int


_ENTRY_COLUMNS = [quarantine.c[name] for name in QuarantineEntry.__slots__]
_MESSAGE_COLUMNS = [quarantine.c[name] for name in Quarantined.__slots__]


def total(connection: Connection) -> QuarantineTotal:
    columns = [quarantine_total.c[name] for name in QuarantineTotal.__slots__]
    return QuarantineTotal(**connection.execute(select(*columns)).mappings().one())


def count(connection: Connection) -> int:
    return total(connection).entries


def count_by_reason(connection: Connection) -> dict[str, int]:
    """The most entries first."""
    entries = func.count().label("entries")
    query = select(quarantine.c.reason, entries).group_by(quarantine.c.reason)
    rows = connection.execute(query.order_by(entries.desc(), quarantine.c.reason))
    return {row.reason: row.entries for row in rows}


def list_entries(
    connection: Connection,
    before: int | None,
    limit: int,
    *,
    reason: str | None = None,
    routing_key: str | None = None,
) -> list[QuarantineEntry]:
    """Up to `limit` entries, newest number first, those numbered below `before` or from the newest on.

    `reason` and `routing_key`, which is the id of the agent that sent, leave only those of theirs.
    """
    query = select(*_ENTRY_COLUMNS).order_by(quarantine.c.no.desc()).limit(limit)
    if before is not None:
        query = query.where(quarantine.c.no < before)
    if reason is not None:
        query = query.where(quarantine.c.reason == reason)
    if routing_key is not None:
        query = query.where(quarantine.c.routing_key == routing_key)
    return [QuarantineEntry(**row) for row in connection.execute(query).mappings()]


def get_entry(connection: Connection, no: int) -> QuarantineEntry | None:
    row = connection.execute(select(*_ENTRY_COLUMNS).where(quarantine.c.no == no)).mappings().first()
    return QuarantineEntry(**row) if row else None


def get(connection: Connection, no: int) -> Quarantined | None:
    """The quarantined message, its body as far as it is kept."""
    row = connection.execute(select(*_MESSAGE_COLUMNS).where(quarantine.c.no == no)).mappings().first()
    return Quarantined(**row) if row else None


def request_redrive(connection: Connection, which: Sequence[int] | str, now_ms: int) -> int:
    """Ask the processor to read messages again, by their numbers or all of one reason; returns how many it will.

    Those whose body is not kept whole, and those asked for already, are left out.
    """
    chosen = quarantine.c.reason == which if isinstance(which, str) else quarantine.c.no.in_(which)
    able = quarantine.c.body_kept & quarantine.c.redrive_requested_ms.is_(None)
    return connection.execute(update(quarantine).where(chosen, able).values(redrive_requested_ms=now_ms)).rowcount


def take_redrive(engine: Engine, limit: int, fence_epoch: int, now_ms: int) -> list[tuple[int, Quarantined]]:
    """Up to `limit` messages that a redrive was asked for, lowest number first, with their numbers.

    The requests are over, and the try is noted, before this returns: a message that kills the processor does so once.
    Raises Fenced and StoreUnavailable.
    """
    requested = quarantine.c.redrive_requested_ms.is_not(None)
    first = select(quarantine.c.no, *_MESSAGE_COLUMNS).where(requested).order_by(quarantine.c.no).limit(limit)
    with reading(engine) as connection:
        if not _any(connection, requested):
            return []
    with transaction(engine) as connection:
        fence.check(connection, fence_epoch)
        rows = [dict(row) for row in connection.execute(first).mappings()]
        taken = [(row.pop("no"), Quarantined(**row)) for row in rows]
        tried = update(quarantine).where(quarantine.c.no.in_([no for no, _ in taken]))
        connection.execute(tried.values(redrive_requested_ms=None, redriven_ms=now_ms))
    return taken


def refuse_again(engine: Engine, no: int, reason: str, detail: str, fence_epoch: int) -> None:
    """A redriven message stays in quarantine, with why this time. Raises Fenced and StoreUnavailable."""
    with transaction(engine) as connection:
        fence.check(connection, fence_epoch)
        connection.execute(update(quarantine).where(quarantine.c.no == no).values(reason=reason, detail=detail))


def _any(connection: Connection, which: ColumnElement[bool]) -> bool:
    found: Select[tuple[int]] = select(quarantine.c.no).where(which).limit(1)
    return connection.execute(found).first() is not None
