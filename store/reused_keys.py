"""Keys that came twice with different content: a copied state folder, or a restored one, sends under its old keys.

An equal copy is the harmless repetition that a key is there for; a different one must not vanish as if it were one.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, select, tuple_

from store.model import KeptRecord, KeptSnapshot, Quarantined
from store.tables import record, snapshot

REASON = "key-reused"
ROWS_AT_A_TIME = 500
_CONTENT = {snapshot: ("layout_no", "numbers"), record: ("raw",)}


def find_reused(
    connection: Connection,
    table: Table,
    items: Sequence[KeptSnapshot | KeptRecord],
    rows: Sequence[Mapping[str, Any]],
) -> list[Quarantined]:
    """Those of `items` under whose key the table keeps other content; `rows` are theirs, those that were new inserted.

    A snapshot's key has its time in it: the same (agent, epoch, seq) at another time is a row of its own.
    """
    key, content = table.primary_key.columns.keys(), _CONTENT[table]
    kept: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for first in range(0, len(rows), ROWS_AT_A_TIME):
        wanted = [_values(row, key) for row in rows[first : first + ROWS_AT_A_TIME]]
        query = select(table).where(tuple_(*table.primary_key.columns).in_(wanted))
        kept |= {_values(row, key): _values(row, content) for row in connection.execute(query).mappings()}
    return [
        _quarantined(item)
        for item, row in zip(items, rows, strict=True)
        if kept[_values(row, key)] != _values(row, content)
    ]


def _values(row: Mapping[Any, Any], names: Sequence[str]) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)


def _quarantined(item: KeptSnapshot | KeptRecord) -> Quarantined:
    return Quarantined(
        received_ms=item.received_ms,
        routing_key=item.agent_id,
        message_id=None,
        headers={},
        reason=REASON,
        detail=f"epoch {item.epoch}, seq {item.seq} is kept with other content: an agent's state folder was copied or "
        "restored from an old copy. Delete the copy: its agent joins as one of its own.",
        body=item.raw if isinstance(item, KeptRecord) else _json_of(item),
    )


def _json_of(item: KeptSnapshot) -> bytes:
    fields = {"type": "snapshot", "agent_id": item.agent_id, "epoch": item.epoch, "seq": item.seq}
    told = {"wall_ms": item.wall_ms, "readings": dict(item.readings), "extra": json.loads(item.extra or b"null")}
    return json.dumps(fields | told).encode()
