"""Dropping what is older than the settings keep, a little at a time so that nobody waits long."""

from collections.abc import Callable, Mapping

from sqlalchemy import ColumnElement, Connection, Engine, Table, delete, exists, func, select, tuple_, update

from health.state import State
from store import fence, layouts, quarantine_intake
from store.engine import transaction
from store.model import Change
from store.notices import IS_WAITING
from store.response_tables import notice
from store.tables import check_state, command, incident, incident_event, quarantine, record, snapshot, suspect
from store.tables import fence as fence_row

CHUNK_ROWS = 2_000


def drop_before(
    engine: Engine,
    before_ms: int,
    fence_epoch: int,
    dead_before_ms: int | None = None,
    *,
    has_time: Callable[[], bool] = lambda: True,
) -> int:
    """Drop what ended before `before_ms`, in many short transactions; returns the number of rows dropped.

    Snapshots and other records go when they were taken and received before, quarantined messages when received,
    suspects when first seen, incidents when their end was received, whatever time the host's clock gave it, commands
    when expired. Checks that have been fine since go too: most are of things that are gone, and a check without a row
    is fine. Agents with their accounts and system information stay, and so do open incidents, however many a host has.
    Notices go with their incidents, tests when they ended; one that waits, or died at `dead_before_ms` or later, stays,
    and its incident too. Once `has_time` says no, it ends after the transaction at hand: the next call goes on.

    Raises Fenced and StoreUnavailable; what was dropped by then stays dropped.
    """
    dropped = 0
    with transaction(engine) as connection:
        fence.check(connection, fence_epoch)
        later = fence_row.c.dropped_before_ms < before_ms
        connection.execute(update(fence_row).where(later).values(dropped_before_ms=before_ms))
    for table, is_old in _old_rows(before_ms, before_ms if dead_before_ms is None else dead_before_ms).items():
        chunk = CHUNK_ROWS
        while chunk == CHUNK_ROWS:
            with transaction(engine) as connection:
                fence.check(connection, fence_epoch)
                chunk = _drop_chunk(connection, table, is_old)
            dropped += chunk
            if chunk and not has_time():
                return dropped
    with transaction(engine) as connection:
        fence.check(connection, fence_epoch)
        layouts.drop_unused(connection, before_ms)
    return dropped


def _old_rows(before_ms: int, dead_before_ms: int) -> Mapping[Table, ColumnElement[bool]]:
    is_needed = IS_WAITING | (notice.c.dead_ms >= dead_before_ms)
    has_needed = exists().where(notice.c.number == incident.c.number, is_needed)
    entry = incident_event.c
    its_end = (entry.number == incident.c.number) & (entry.change == Change.CLOSED)
    has_ended = incident.c.closed_ms.is_not(None) & exists().where(its_end, entry.received_ms < before_ms)
    is_done = func.coalesce(notice.c.delivered_ms, notice.c.cancelled_ms) < before_ms
    is_calm = check_state.c.pending.is_(None) & check_state.c.flapping_since_ms.is_(None)
    settled = (check_state.c.state == State.OK) & is_calm
    return {
        snapshot: (snapshot.c.time_ms < before_ms) & (snapshot.c.received_ms < before_ms),
        record: (record.c.time_ms < before_ms) & (record.c.received_ms < before_ms),
        quarantine: quarantine.c.received_ms < before_ms,
        suspect: suspect.c.first_seen_ms < before_ms,
        check_state: settled & (check_state.c.since_ms < before_ms),
        incident: has_ended & ~has_needed,
        notice: notice.c.number.is_(None) & (is_done | (notice.c.dead_ms < dead_before_ms)),
        command: command.c.expires_ms < before_ms,
    }


def _drop_chunk(connection: Connection, table: Table, is_old: ColumnElement[bool]) -> int:
    key = list(table.primary_key.columns)
    oldest = tuple_(*key).in_(select(*key).where(is_old).limit(CHUNK_ROWS))
    if table is quarantine:
        return quarantine_intake.remove(connection, oldest)
    return connection.execute(delete(table).where(oldest)).rowcount
