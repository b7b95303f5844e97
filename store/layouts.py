"""Layouts: the names of a snapshot's readings in their order, kept once for all snapshots that have them."""

from collections.abc import Mapping

from sqlalchemy import Connection, delete, select, update

from store.packing import Layout
from store.tables import layout
from store.upsert import insert_new

USE_IS_NOTED_EVERY_MS = 3_600_000  # a write for each snapshot would cost as much as the snapshot


def keep_layouts(connection: Connection, used_ms: Mapping[Layout, int]) -> dict[bytes, int]:
    """The numbers of these layouts by their SHA-256, given when they were used last; new ones are kept first."""
    latest_ms = {item.sha256: at_ms for item, at_ms in used_ms.items()}
    numbers = _known(connection, latest_ms)
    new = [item for item in used_ms if item.sha256 not in numbers]
    if new:
        rows = [{"sha256": item.sha256, "names": item.packed, "used_ms": used_ms[item]} for item in new]
        insert_new(connection, layout, rows)
        numbers |= _known(connection, {item.sha256: used_ms[item] for item in new})
    return numbers


def drop_unused(connection: Connection, before_ms: int) -> None:
    """Drop the layouts of no snapshot, provided that none taken and received before `before_ms` is left."""
    connection.execute(delete(layout).where(layout.c.used_ms < before_ms - USE_IS_NOTED_EVERY_MS))


def _known(connection: Connection, used_ms: Mapping[bytes, int]) -> dict[bytes, int]:
    query = select(layout.c.sha256, layout.c.layout_no, layout.c.used_ms).where(layout.c.sha256.in_(used_ms))
    found = connection.execute(query).all()
    for row in found:
        if row.used_ms + USE_IS_NOTED_EVERY_MS <= used_ms[row.sha256]:
            noted = update(layout).where(layout.c.layout_no == row.layout_no).values(used_ms=used_ms[row.sha256])
            connection.execute(noted)
    return {row.sha256: row.layout_no for row in found}
