"""Taking messages into the quarantine and out of it, within bounds: a flood is named, the disk is not filled.

The totals are in step with the rows at every commit, because only the owner of the fence puts in and takes out.
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, select, update

from store.model import Quarantined
from store.tables import quarantine, quarantine_total
from store.upsert import insert_new_returning

MOST_BODIES = 10_000
MOST_BODY_BYTES = 256 * 2**20
BEGINNING_BYTES = 1_024
MOST_ENTRIES = 100_000
DROPPED_AT_ONCE = 1_000  # more than one too many, so that a flood does not pay for it with each batch


def add(connection: Connection, quarantined: Sequence[Quarantined]) -> None:
    """Keep the messages, those that are there already once.

    Beyond 10,000 bodies or 256 MiB of them an entry keeps only its body's first 1 KiB, with the size and the SHA-256 of
    the whole. Beyond 100,000 entries the oldest of such entries go, and are counted.
    """
    if not quarantined:
        return
    rows = list(_rows(connection, quarantined))
    columns = (quarantine.c.size_bytes, quarantine.c.body_kept)
    entries = _note(connection, insert_new_returning(connection, quarantine, rows, columns), 1)
    if entries > MOST_ENTRIES:
        cut = select(quarantine.c.no).where(quarantine.c.body_kept.is_(False)).order_by(quarantine.c.no)
        dropped = remove(connection, quarantine.c.no.in_(cut.limit(entries - MOST_ENTRIES + DROPPED_AT_ONCE)))
        connection.execute(update(quarantine_total).values(dropped=quarantine_total.c.dropped + dropped))


def remove(connection: Connection, which: ColumnElement[bool]) -> int:
    """Delete these entries; returns how many there were."""
    gone = delete(quarantine).where(which).returning(quarantine.c.size_bytes, quarantine.c.body_kept)
    removed = connection.execute(gone).all()
    if removed:
        _note(connection, removed, -1)
    return len(removed)


def _rows(connection: Connection, quarantined: Sequence[Quarantined]) -> Iterator[dict[str, Any]]:
    bodies, body_bytes = connection.execute(select(quarantine_total.c.bodies, quarantine_total.c.body_bytes)).one()
    for place, item in enumerate(quarantined):
        size_bytes = len(item.body)
        body_kept = bodies < MOST_BODIES and body_bytes + size_bytes <= MOST_BODY_BYTES
        if body_kept:
            bodies, body_bytes = bodies + 1, body_bytes + size_bytes
        yield {
            "received_ms": item.received_ms,
            "place": place,
            "routing_key": item.routing_key,
            "message_id": item.message_id,
            "headers": dict(item.headers),
            "reason": item.reason,
            "detail": item.detail,
            "sha256": hashlib.sha256(item.body).hexdigest(),
            "body": item.body if body_kept else item.body[:BEGINNING_BYTES],
            "size_bytes": size_bytes,
            "body_kept": body_kept,
        }


def _note(connection: Connection, rows: Sequence[Any], sign: int) -> int:
    """Bring the totals in step with these rows, which came (1) or went (-1); returns the number of entries."""
    bodies = [row.size_bytes for row in rows if row.body_kept]
    total = quarantine_total.c
    changed = {
        "entries": total.entries + sign * len(rows),
        "bodies": total.bodies + sign * len(bodies),
        "body_bytes": total.body_bytes + sign * sum(bodies),
    }
    entries: int = connection.execute(update(quarantine_total).values(changed).returning(total.entries)).scalar_one()
    return entries
