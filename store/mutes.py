"""Mutes and downtimes. One that is lifted, or whose time is over, stays to be read."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Connection, case, func, insert, or_, select, update

from store.incident_acts import add_entry
from store.model import Change
from store.mute_windows import is_in_force
from store.response import Mute, Weekly
from store.response_tables import mute
from store.tables import agent

_COLUMNS = [column for column in mute.c if column.name != "agent_no"]
_QUERY = select(*_COLUMNS, agent.c.agent_id).join_from(mute, agent, isouter=True)


def mutes_in_force(connection: Connection, now_ms: int) -> Sequence[Mute]:
    """Those that mute somebody now, oldest first: look with `mute_windows.covers` whom."""
    query = _QUERY.where(mute.c.lifted_ms.is_(None), mute.c.starts_ms <= now_ms, _is_not_over(now_ms))
    rows = connection.execute(query.order_by(mute.c.mute_no)).mappings()
    return [found for row in rows if is_in_force(found := _mute(row), now_ms)]


def list_mutes(
    connection: Connection, now_ms: int, before: int | None, limit: int, *, with_ended: bool = False
) -> list[Mute]:
    """Up to `limit` mutes, newest number first, those numbered below `before` or from the newest on.

    They are in force, to come or coming back; `with_ended`: those that were lifted or are over, too.
    """
    query = _QUERY.order_by(mute.c.mute_no.desc()).limit(limit)
    if before is not None:
        query = query.where(mute.c.mute_no < before)
    if not with_ended:
        query = query.where(mute.c.lifted_ms.is_(None), _is_not_over(now_ms))
    return [_mute(row) for row in connection.execute(query).mappings()]


def ended_mutes(connection: Connection, since_ms: int, now_ms: int, limit: int) -> list[Mute]:
    """Up to `limit` mutes that ended from `since_ms` on, lifted or over at `now_ms`, the newest end first."""
    lifted_ms, ends_ms = mute.c.lifted_ms, mute.c.ends_ms
    ended_ms = case((or_(ends_ms.is_(None), lifted_ms < ends_ms), lifted_ms), else_=ends_ms)
    has_ended = or_(lifted_ms.is_not(None), ends_ms <= now_ms)
    query = _QUERY.where(has_ended, ended_ms >= since_ms).order_by(ended_ms.desc(), mute.c.mute_no.desc()).limit(limit)
    return [_mute(row) for row in connection.execute(query).mappings()]


def count_current(connection: Connection, now_ms: int) -> int:
    """How many are in force, to come or coming back."""
    query = select(func.count()).select_from(mute).where(mute.c.lifted_ms.is_(None), _is_not_over(now_ms))
    return connection.execute(query).scalar_one()


def get_mute(connection: Connection, mute_no: int) -> Mute | None:
    row = connection.execute(_QUERY.where(mute.c.mute_no == mute_no)).mappings().first()
    return _mute(row) if row else None


def add_mute(connection: Connection, wanted: Mute) -> Mute:
    """Keep it under a number of its own, whatever its `mute_no` says; an incident that is muted has it in its life.

    Raises LookupError for an agent that is not known: without one it would mute everybody.
    """
    row = {column.name: getattr(wanted, column.name) for column in _COLUMNS if column.name != "mute_no"}
    row["weekly"] = None if wanted.weekly is None else asdict(wanted.weekly)
    row["agent_no"] = None if wanted.agent_id is None else _agent_no(connection, wanted.agent_id)
    mute_no: int = connection.execute(insert(mute).values(row).returning(mute.c.mute_no)).scalar_one()
    if wanted.number is not None:
        add_entry(connection, wanted.number, Change.MUTED, wanted.reason, wanted.author, wanted.created_ms)
    return replace(wanted, mute_no=mute_no)


def lift(connection: Connection, mute_no: int, author: str, now_ms: int) -> Mute | None:
    """End a mute; one that was lifted before keeps its time. None when there is no such mute."""
    standing = (mute.c.mute_no == mute_no) & mute.c.lifted_ms.is_(None)
    lifted = connection.execute(update(mute).where(standing).values(lifted_ms=now_ms)).rowcount
    found = get_mute(connection, mute_no)
    if lifted and found is not None and found.number is not None:
        add_entry(connection, found.number, Change.UNMUTED, found.reason, author, now_ms)
    return found


def _agent_no(connection: Connection, agent_id: str) -> int:
    agent_no: int | None = connection.execute(select(agent.c.agent_no).where(agent.c.agent_id == agent_id)).scalar()
    if agent_no is None:
        raise LookupError(f"no agent has the id {agent_id!r}")
    return agent_no


def _is_not_over(now_ms: int) -> Any:
    return or_(mute.c.ends_ms.is_(None), mute.c.ends_ms > now_ms)


def _mute(row: Mapping[Any, Any]) -> Mute:
    return Mute(**{**row, "weekly": Weekly(**row["weekly"]) if row["weekly"] else None})
