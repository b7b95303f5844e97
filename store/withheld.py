"""Checks that are in trouble and have no open incident: what stands before their host explains them."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, and_, exists, or_, select

from health.state import State
from store.model import CheckKey
from store.tables import agent, check_state, incident


@dataclass(frozen=True, slots=True, kw_only=True)
class WithheldCheck:
    """Where it stands: `since_ms` is when it came to be so, by the clock that judged it, most often its agent's;
    `clock_offset_ms` is how far that one is behind the processor's, None when nobody measured it."""

    key: CheckKey
    host_name: str | None
    group_name: str
    state: State
    since_ms: int
    clock_offset_ms: int | None


def withheld_checks(connection: Connection, agent_ids: Collection[str] | None = None) -> list[WithheldCheck]:
    """Those of these agents (None: all), in no order."""
    its = check_state.c
    in_trouble = or_(its.state != State.OK, its.flapping_since_ms.is_not(None))
    of_check = and_(
        incident.c.agent_no == its.agent_no,
        incident.c.rule == its.rule,
        incident.c.subject == its.subject,
        incident.c.closed_ms.is_(None),
    )
    query = (
        select(agent.c.agent_id, agent.c.host_name, agent.c.group_name, agent.c.clock_offset_ms)
        .add_columns(its.rule, its.subject, its.state, its.since_ms)
        .join_from(check_state, agent)
        .where(in_trouble, ~exists().where(of_check))
    )
    if agent_ids is not None:
        query = query.where(agent.c.agent_id.in_(agent_ids))
    return [
        WithheldCheck(
            key=CheckKey(row.agent_id, row.rule, row.subject),
            host_name=row.host_name,
            group_name=row.group_name,
            state=State(row.state),
            since_ms=row.since_ms,
            clock_offset_ms=row.clock_offset_ms,
        )
        for row in connection.execute(query)
    ]
