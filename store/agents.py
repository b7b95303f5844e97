"""Reading agents and the state of the fleet."""

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, select

from health.state import State
from store import accounts
from store.model import HUB, Agent, Check, CheckKey, FleetState, Told
from store.tables import agent, agent_columns, check_state, incident, system
from store.withheld import withheld_checks


def list_agents(connection: Connection, after: str | None, limit: int, group: str | None = None) -> list[Agent]:
    """Up to `limit` agents (of one group) in the order of their ids, those behind `after` or from the first on."""
    query = select(*agent_columns).where(agent.c.agent_id > (after or HUB)).order_by(agent.c.agent_id).limit(limit)
    if group is not None:
        query = query.where(agent.c.group_name == group)
    return [Agent(**row) for row in connection.execute(query).mappings()]


def get_agent(connection: Connection, agent_id: str) -> Agent | None:
    if agent_id == HUB:
        return None
    row = connection.execute(select(*agent_columns).where(agent.c.agent_id == agent_id)).mappings().first()
    return Agent(**row) if row else None


def named(connection: Connection, host_name: str) -> list[Agent]:
    """The agents that report a host of this name, in the order of their ids."""
    its = (agent.c.host_name == host_name) & (agent.c.agent_id != HUB)
    query = select(*agent_columns).where(its).order_by(agent.c.agent_id)
    return [Agent(**row) for row in connection.execute(query).mappings()]


def group_names(connection: Connection, agent_ids: Collection[str]) -> dict[str, str]:
    """The group of each of these agents, empty for an agent in none."""
    query = select(agent.c.agent_id, agent.c.group_name).where(agent.c.agent_id.in_(agent_ids))
    return {row.agent_id: row.group_name for row in connection.execute(query)}


def host_names(connection: Connection, agent_ids: Collection[str]) -> dict[str, str]:
    """What the host of each of these agents is called."""
    query = select(agent.c.agent_id, agent.c.host_name).where(agent.c.agent_id.in_(agent_ids))
    return {row.agent_id: row.host_name for row in connection.execute(query)}


def system_of(connection: Connection, agent_id: str) -> bytes | None:
    """The JSON of an agent's newest system information."""
    return connection.execute(select(system.c.raw).join(agent).where(agent.c.agent_id == agent_id)).scalar()


def fleet_state(connection: Connection) -> FleetState:
    """Everything a processor must remember to go on where the last one stopped."""
    known = select(*agent_columns).where(agent.c.agent_id != HUB)
    agents = {row["agent_id"]: Agent(**row) for row in connection.execute(known).mappings()}
    rows = connection.execute(select(agent.c.agent_id, check_state).join(check_state))
    told = _told(connection)
    checks = [
        Check(
            key=CheckKey(row.agent_id, row.rule, row.subject),
            state=State(row.state),
            since_ms=row.since_ms,
            value=row.value,
            pending=State(row.pending) if row.pending else None,
            pending_since_ms=row.pending_since_ms,
            attempt=row.attempt,
            history=row.history,
            flapping_since_ms=row.flapping_since_ms,
            told=told.get(CheckKey(row.agent_id, row.rule, row.subject)),
        )
        for row in rows
    ]
    its = incident.c
    opened_late = select(agent.c.agent_id, its.rule, its.subject).join_from(incident, agent)
    unheard = connection.execute(opened_late.where(its.closed_ms.is_(None), its.is_late))
    return FleetState(
        agents=agents,
        checks={check.key: check for check in checks},
        unheard=[CheckKey(*row) for row in unheard],
        withheld=[check.key for check in withheld_checks(connection)],
        accounts=accounts.load(connection),
    )


def _told(connection: Connection) -> Mapping[CheckKey, Told]:
    """What open incidents say, by their checks."""
    its = incident.c
    query = select(agent.c.agent_id, its.rule, its.subject, its.value, its.sentence, its.updated_ms)
    rows = connection.execute(query.join_from(incident, agent).where(its.closed_ms.is_(None)))
    return {CheckKey(*row[:3]): Told(*row[3:]) for row in rows}
