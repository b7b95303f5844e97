"""Finding agents by what people call them, and the worst open incident of each."""

import difflib
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Annotated

from fastapi import Path
from sqlalchemy import Connection

from helpdesk_api.problem import Problem
from store.agents import get_agent, list_agents
from store.incidents import list_incidents
from store.model import URGENCY, Agent, Incident

AgentName = Annotated[str, Path(max_length=256, description="Id, or host name when no other agent has the same.")]
PART = 500  # rows read at a time


def all_agents(connection: Connection) -> Iterator[Agent]:
    """Every agent in the order of their ids."""
    after: str | None = None
    while part := list_agents(connection, after, PART):
        yield from part
        after = part[-1].agent_id


def find_agent(connection: Connection, name: str) -> Agent:
    """The agent with this id or, when one alone has it, this host name. Raises a 404 or 409 problem."""
    by_id = get_agent(connection, name)
    if by_id is not None:
        return by_id
    agents = list(all_agents(connection))
    named = [agent for agent in agents if agent.host_name == name]
    if len(named) == 1:
        return named[0]
    raise _ambiguous(name, named) if named else _unknown(name, agents)


def open_incidents(connection: Connection) -> Iterator[Incident]:
    """Every open incident, the newest first, without its timeline."""
    before: int | None = None
    while part := list_incidents(connection, "open", None, before, PART):
        yield from part
        before = part[-1].number


def worst_by_agent(incidents: Iterable[Incident]) -> dict[str, Incident]:
    """The most urgent incident of each agent, the oldest of equals."""
    worst: dict[str, Incident] = {}
    for incident in incidents:
        known = worst.get(incident.key.agent_id)
        if known is None or _rank(incident) < _rank(known):
            worst[incident.key.agent_id] = incident
    return worst


def worst_of(connection: Connection, agent: Agent) -> Incident | None:
    incidents = list_incidents(connection, "open", agent.agent_id, None, PART)
    return worst_by_agent(incidents).get(agent.agent_id)


def _rank(incident: Incident) -> tuple[int, int]:
    return URGENCY[incident.severity], incident.number


def _ambiguous(name: str, named: list[Agent]) -> Problem:
    detail = f"{len(named)} agents report a host named {name[:64]!r}. Ask for one by its id."
    ids = [agent.agent_id for agent in named]
    return Problem(HTTPStatus.CONFLICT, "ambiguous-name", "Name not unique", f"{detail} {', '.join(ids[:10])}")


def _unknown(name: str, agents: list[Agent]) -> Problem:
    known = {agent.name: agent.agent_id for agent in agents}
    close = difflib.get_close_matches(name[:64], known, n=3, cutoff=0.5)
    hint = f"Nearest names: {', '.join(close)}." if close else "/api/v1/agents lists those there are."
    nearest = [{"name": one, "href": f"/h/{known[one]}"} for one in close]
    detail = f"No agent has the id or host name {name[:64]!r}. {hint}"
    return Problem(HTTPStatus.NOT_FOUND, "unknown-agent", "Unknown agent", detail, nearest=nearest)
