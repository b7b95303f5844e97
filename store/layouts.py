"""Layouts: the names of a snapshot's readings in their order, kept once for all snapshots that have them."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, delete, select, update

from store.model import KeptSnapshot
from store.packing import layout_of
from store.tables import layout
from store.upsert import insert_new

USE_IS_NOTED_EVERY_MS = 3_600_000  # a write for each snapshot would cost as much as the snapshot


def keep_layouts(connection: Connection, snapshots: Sequence[KeptSnapshot]) -> list[int]:
    """The numbers of the snapshots' layouts, in the order of the snapshots; new layouts are kept first."""
    digests = []
    packed_names = {}
    used_ms: dict[bytes, int] = {}
    for snapshot in snapshots:
        digest, packed = layout_of(tuple(snapshot.readings))
        digests.append(digest)
        packed_names[digest] = packed
        used_ms[digest] = max(used_ms.get(digest, 0), snapshot.wall_ms, snapshot.received_ms)
    numbers = _known(connection, used_ms)
    missing = [digest for digest in used_ms if digest not in numbers]
    if missing:
        rows = [{"sha256": digest, "names": packed_names[digest], "used_ms": used_ms[digest]} for digest in missing]
        insert_new(connection, layout, rows)
        numbers |= _known(connection, {digest: used_ms[digest] for digest in missing})
    return [numbers[digest] for digest in digests]


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
