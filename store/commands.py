"""Commands that were sent to agents, and how they ended. Outcomes come with the processor's batches."""

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from store.tables import agent, command


@dataclass(frozen=True, slots=True, kw_only=True)
class SentCommand:
    """One command; without `outcome` it is under way, or lost when `expires_ms` is over."""

    command_id: str
    agent_id: str
    kind: str
    created_ms: int
    expires_ms: int
    outcome: str | None = None
    detail: str | None = None
    finished_ms: int | None = None


def add(
    connection: Connection, *, command_id: str, agent_id: str, kind: str, created_ms: int, expires_ms: int
) -> SentCommand:
    """Note a command before it is sent. Raises LookupError when there is no such agent."""
    agent_no = connection.execute(select(agent.c.agent_no).where(agent.c.agent_id == agent_id)).scalar()
    if agent_no is None:
        raise LookupError(f"no agent {agent_id!r} is known")
    sent = SentCommand(
        command_id=command_id, agent_id=agent_id, kind=kind, created_ms=created_ms, expires_ms=expires_ms
    )
    row = {name: getattr(sent, name) for name in ("command_id", "kind", "created_ms", "expires_ms")}
    connection.execute(insert(command).values(agent_no=agent_no, **row))
    return sent


def get(connection: Connection, command_id: str) -> SentCommand | None:
    columns = [agent.c.agent_id if name == "agent_id" else command.c[name] for name in SentCommand.__slots__]
    query = select(*columns).join_from(command, agent).where(command.c.command_id == command_id)
    row = connection.execute(query).mappings().first()
    return SentCommand(**row) if row else None
