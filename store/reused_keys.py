"""Keys that came twice with different content: a copied state folder, or a restored one, sends under its old keys.

An equal copy is the harmless repetition that a key is there for; a different one must not vanish as if it were one.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Select, select, tuple_

from store.model import KeptRecord, KeptSnapshot, Quarantined
from store.packing import packed
from store.tables import fence, layout, record, snapshot

REASON = "key-reused"
ROWS_AT_A_TIME = 500
OTHER_CONTENT = "is kept with other content"
NOT_FOUND = "is accounted for as stored, but nothing is kept under it with this time"

Item = KeptSnapshot | KeptRecord
Values = tuple[Any, ...]
AgentNumbers = Mapping[str, int]

_QUERIES: dict[type[Item], Select[Any]] = {
    KeptSnapshot: select(*snapshot.primary_key.columns, layout.c.sha256, snapshot.c.numbers).join_from(
        snapshot, layout, layout.c.layout_no == snapshot.c.layout_no
    ),
    KeptRecord: select(*record.primary_key.columns, record.c.raw),
}
_KEYS = {
    KeptSnapshot: tuple_(*snapshot.primary_key.columns),
    KeptRecord: tuple_(*record.primary_key.columns),
}


def find_reused(connection: Connection, items: Sequence[Item], agent_nos: AgentNumbers) -> list[Quarantined]:
    """Those of `items`, all of one kind and all there by key, under whose key other content is kept."""
    kept = _kept(connection, items, agent_nos)
    return [_quarantined(item, OTHER_CONTENT) for item in items if kept[_key(item, agent_nos)] != _content(item)]


def find_reused_by_repeats(
    connection: Connection, repeats: Sequence[Item], agent_nos: AgentNumbers
) -> list[Quarantined]:
    """Those of `repeats`, whose numbers are accounted for as stored, that are no copies of what is kept.

    A snapshot's key has its time in it: the same number at another time is not found, nor is a snapshot's number under
    a record of another kind. What retention may have dropped passes for a copy when it is not there: nothing is left
    to compare it with.
    """
    if not repeats:
        return []
    kept: dict[Values, Values] = {}
    for kind in (KeptSnapshot, KeptRecord):
        kept |= _kept(connection, [item for item in repeats if isinstance(item, kind)], agent_nos)
    dropped_before_ms = connection.execute(select(fence.c.dropped_before_ms)).scalar_one()
    found = []
    for item in repeats:
        content = kept.get(_key(item, agent_nos))
        if content is None and item.wall_ms >= dropped_before_ms:
            found.append(_quarantined(item, NOT_FOUND))
        elif content is not None and content != _content(item):
            found.append(_quarantined(item, OTHER_CONTENT))
    return found


def _kept(connection: Connection, items: Sequence[Item], agent_nos: AgentNumbers) -> dict[Values, Values]:
    """Content by key, of those items that are there by key."""
    kept: dict[Values, Values] = {}
    for first in range(0, len(items), ROWS_AT_A_TIME):
        some = items[first : first + ROWS_AT_A_TIME]
        kind, wanted = type(some[0]), [_key(item, agent_nos) for item in some]
        width = len(wanted[0])
        for row in connection.execute(_QUERIES[kind].where(_KEYS[kind].in_(wanted))):
            kept[tuple(row[:width])] = tuple(row[width:])
    return kept


def _key(item: Item, agent_nos: AgentNumbers) -> Values:
    number = (agent_nos[item.agent_id], item.epoch, item.seq)
    return (item.wall_ms, *number) if isinstance(item, KeptSnapshot) else number


def _content(item: Item) -> Values:
    if isinstance(item, KeptRecord):
        return (item.raw,)
    readings = packed(item.readings)
    return (readings.layout.sha256, readings.numbers)


def _quarantined(item: Item, found: str) -> Quarantined:
    return Quarantined(
        received_ms=item.received_ms,
        routing_key=item.agent_id,
        message_id=None,
        headers={},
        reason=REASON,
        detail=f"epoch {item.epoch}, seq {item.seq} {found}: an agent's state folder was copied or "
        "restored from an old copy. Delete the copy: its agent joins as one of its own.",
        body=item.raw if isinstance(item, KeptRecord) else _json_of(item),
    )


def _json_of(item: KeptSnapshot) -> bytes:
    fields = {"type": "snapshot", "agent_id": item.agent_id, "epoch": item.epoch, "seq": item.seq}
    told = {"wall_ms": item.wall_ms, "readings": dict(item.readings), "extra": json.loads(item.extra or b"null")}
    return json.dumps(fields | told).encode()
