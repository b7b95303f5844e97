"""Dropping what is older than the settings keep, a little at a time so that nobody waits long."""

from collections.abc import Mapping

from sqlalchemy import ColumnElement, Connection, Engine, Table, delete, select, tuple_

from store import fence, layouts
from store.engine import transaction
from store.tables import command, incident, quarantine, record, snapshot

CHUNK_ROWS = 2_000


def drop_before(engine: Engine, before_ms: int, fence_epoch: int) -> int:
    """Drop what ended before `before_ms`, in many short transactions; returns the number of rows dropped.

    Snapshots go when they were taken and received before, other records, quarantined messages when received, incidents
    when closed, commands when expired. Open incidents, agents and their system information stay. Raises Fenced and
    StoreUnavailable; what was dropped by then stays dropped.
    """
    dropped = 0
    for table, is_old in _old_rows(before_ms).items():
        chunk = CHUNK_ROWS
        while chunk == CHUNK_ROWS:
            with transaction(engine) as connection:
                fence.check(connection, fence_epoch)
                chunk = _drop_chunk(connection, table, is_old)
            dropped += chunk
    with transaction(engine) as connection:
        fence.check(connection, fence_epoch)
        layouts.drop_unused(connection, before_ms)
    return dropped


def _old_rows(before_ms: int) -> Mapping[Table, ColumnElement[bool]]:
    return {
        snapshot: (snapshot.c.time_ms < before_ms) & (snapshot.c.received_ms < before_ms),
        record: record.c.received_ms < before_ms,
        quarantine: quarantine.c.received_ms < before_ms,
        incident: incident.c.closed_ms < before_ms,
        command: command.c.expires_ms < before_ms,
    }


def _drop_chunk(connection: Connection, table: Table, is_old: ColumnElement[bool]) -> int:
    key = list(table.primary_key.columns)
    oldest = select(*key).where(is_old).limit(CHUNK_ROWS)
    return connection.execute(delete(table).where(tuple_(*key).in_(oldest))).rowcount
