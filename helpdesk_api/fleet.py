"""Finding agents by what people call them, and the most urgent of open incidents."""

import difflib
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Annotated

from fastapi import Path
from sqlalchemy import Connection

from health.state import URGENCY
from helpdesk_api.condition import AGENT_SILENT
from helpdesk_api.problem import Problem
from store.agents import get_agent, list_agents, named
from store.incidents import OpenIncident
from store.model import Agent

AgentName = Annotated[str, Path(max_length=256, description="Id, or host name when no other agent has the same.")]
PART = 500  # rows read at a time
NO_NUMBER = 0  # of a check in trouble that has no incident


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
    found = named(connection, name)
    if len(found) == 1:
        return found[0]
    raise _ambiguous(name, found) if found else _unknown(name, list(all_agents(connection)))


def worst_by_agent(incidents: Iterable[OpenIncident]) -> dict[str, OpenIncident]:
    """The most urgent incident of each agent; of equals one that is open, then why nothing is heard of it, then the
    oldest."""
    worst: dict[str, OpenIncident] = {}
    for incident in incidents:
        known = worst.get(incident.agent_id)
        if known is None or _rank(incident) < _rank(known):
            worst[incident.agent_id] = incident
    return worst


def _rank(incident: OpenIncident) -> tuple[int, bool, bool, int]:
    is_silence = incident.rule == AGENT_SILENT
    return URGENCY[incident.severity], incident.number == NO_NUMBER, not is_silence, incident.number


def _ambiguous(name: str, found: list[Agent]) -> Problem:
    detail = f"{len(found)} agents report a host named {name[:64]!r}. Ask for one by its id."
    ids = [agent.agent_id for agent in found]
    return Problem(HTTPStatus.CONFLICT, "ambiguous-name", "Name not unique", f"{detail} {', '.join(ids[:10])}")


def _unknown(name: str, agents: list[Agent]) -> Problem:
    known = {agent.name: agent.agent_id for agent in agents}
    close = difflib.get_close_matches(name[:64], known, n=3, cutoff=0.5)
    hint = f"Nearest names: {', '.join(close)}." if close else "/api/v1/agents lists those there are."
    nearest = [{"name": one, "href": f"/h/{known[one]}"} for one in close]
    detail = f"No agent has the id or host name {name[:64]!r}. {hint}"
    return Problem(HTTPStatus.NOT_FOUND, "unknown-agent", "Unknown agent", detail, nearest=nearest)
