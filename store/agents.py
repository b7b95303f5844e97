"""Reading agents and the state of the fleet."""

from sqlalchemy import Connection, select

from health.state import State
from store import accounts
from store.model import HUB, Agent, Check, CheckKey, FleetState
from store.tables import agent, agent_columns, check_state, system


def list_agents(connection: Connection, after: str | None, limit: int) -> list[Agent]:
    """Up to `limit` agents in the order of their ids, those behind `after` or from the first on."""
    query = select(*agent_columns).where(agent.c.agent_id > (after or HUB)).order_by(agent.c.agent_id).limit(limit)
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


def system_of(connection: Connection, agent_id: str) -> bytes | None:
    """The JSON of an agent's newest system information."""
    return connection.execute(select(system.c.raw).join(agent).where(agent.c.agent_id == agent_id)).scalar()


def fleet_state(connection: Connection) -> FleetState:
    """Everything a processor must remember to go on where the last one stopped."""
    known = select(*agent_columns).where(agent.c.agent_id != HUB)
    agents = {row["agent_id"]: Agent(**row) for row in connection.execute(known).mappings()}
    rows = connection.execute(select(agent.c.agent_id, check_state).join(check_state))
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
        )
        for row in rows
    ]
    return FleetState(agents=agents, checks={check.key: check for check in checks}, accounts=accounts.load(connection))
