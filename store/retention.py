"""Dropping what is older than the settings keep, a little at a time so that nobody waits long."""

from collections.abc import Mapping

from sqlalchemy import ColumnElement, Connection, Engine, Table, delete, select, tuple_

from health.state import State
from store import fence, layouts, quarantine_intake
from store.engine import transaction
from store.tables import check_state, command, incident, quarantine, record, snapshot, suspect

CHUNK_ROWS = 2_000


def drop_before(engine: Engine, before_ms: int, fence_epoch: int) -> int:
    """Drop what ended before `before_ms`, in many short transactions; returns the number of rows dropped.

    Snapshots go when they were taken and received before, other records, quarantined messages when received, suspects
    when first seen, incidents when closed, commands when expired. Checks that have been fine since go too: most are of
    things that are gone, and a check without a row is fine. Agents with their accounts and system information stay, and
    so do open incidents, however many a host has. Raises Fenced and StoreUnavailable; what was dropped by then stays
    dropped.
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
    settled = (check_state.c.state == State.OK) & check_state.c.pending.is_(None)
    return {
        snapshot: (snapshot.c.time_ms < before_ms) & (snapshot.c.received_ms < before_ms),
        record: record.c.received_ms < before_ms,
        quarantine: quarantine.c.received_ms < before_ms,
        suspect: suspect.c.first_seen_ms < before_ms,
        check_state: settled & (check_state.c.since_ms < before_ms),
        incident: incident.c.closed_ms < before_ms,
        command: command.c.expires_ms < before_ms,
    }


def _drop_chunk(connection: Connection, table: Table, is_old: ColumnElement[bool]) -> int:
    key = list(table.primary_key.columns)
    oldest = tuple_(*key).in_(select(*key).where(is_old).limit(CHUNK_ROWS))
    if table is quarantine:
        return quarantine_intake.remove(connection, oldest)
    return connection.execute(delete(table).where(oldest)).rowcount
