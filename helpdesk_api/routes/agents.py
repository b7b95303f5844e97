"""The agents and the hosts they report."""

import json
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from helpdesk_api.access import VIEWER
from helpdesk_api.answers.agents import AgentAnswer, agent_answer
from helpdesk_api.answers.listing import CURSOR, DEFAULT_LIMIT, Limit, Listing, NextLink
from helpdesk_api.condition import condition_of
from helpdesk_api.desk import Desk, TheDesk
from helpdesk_api.fleet import AgentName, find_agent, worst_by_agent
from helpdesk_api.freshness import freshness
from helpdesk_api.in_front import in_front
from helpdesk_api.muting import muting
from helpdesk_api.problem import PROBLEMS_ANSWERED, not_found
from store.agents import list_agents, system_of
from store.engine import reading
from store.incidents import open_incidents
from store.model import Agent
from store.snapshots import not_measured

router = APIRouter(prefix="/api/v1/agents", tags=["Agents"], dependencies=[VIEWER], responses=PROBLEMS_ANSWERED)


class SystemAnswer(BaseModel):
    """What the host is, as its agent told it last."""

    agent_id: str
    system: dict[str, Any] = Field(description="Operating system, processor, memory, disks, file systems, interfaces.")


@router.get("", summary="List agents", operation_id="list_agents")
def get_agents(
    request: Request,
    desk: TheDesk,
    next_link: NextLink,
    group: Annotated[str | None, Query(max_length=256, description="Only the agents of this group.")] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Annotated[str | None, Query(max_length=64, description=CURSOR)] = None,
) -> Listing[AgentAnswer]:
    """An agent is listed from the moment of its hello, in the order of ids."""
    with reading(desk.engine) as connection:
        agents = list_agents(connection, cursor, limit + 1, group)
        items = list(_answers(desk, connection, agents[:limit], desk.base_url(request)))
    return Listing(items=items, next_cursor=next_link(items[-1].agent_id if len(agents) > limit else None))


@router.get("/{agent}", summary="Show an agent", operation_id="get_agent")
def get_one_agent(agent: AgentName, request: Request, desk: TheDesk) -> AgentAnswer:
    """By its id, or by its host name when no other agent has the same."""
    with reading(desk.engine) as connection:
        [answer] = _answers(desk, connection, [find_agent(connection, agent)], desk.base_url(request))
    return answer


@router.get("/{agent}/system", summary="Show what the host is", operation_id="get_system")
def get_system(agent: AgentName, desk: TheDesk) -> SystemAnswer:
    with reading(desk.engine) as connection:
        found = find_agent(connection, agent)
        system = system_of(connection, found.agent_id)
    if system is None:
        raise not_found(f"system information of {found.name}", "It comes with the agent's next hello.")
    return SystemAnswer(agent_id=found.agent_id, system=json.loads(system))


def _answers(desk: Desk, connection: Connection, agents: Sequence[Agent], base_url: str) -> Iterator[AgentAnswer]:
    ids = [agent.agent_id for agent in agents]
    fresh, now_ms = freshness(desk, connection), desk.now_ms()
    mutes, lacking = muting(connection, now_ms), not_measured(connection, ids)
    front = in_front(connection, mutes, ids)
    worst = worst_by_agent(mutes.hushed([*open_incidents(connection, ids), *front.unopened()]))
    for agent in agents:
        errors = lacking.get(agent.agent_id, {})
        condition = condition_of(agent, worst.get(agent.agent_id), errors, fresh, now_ms, mutes.host_words(agent))
        yield agent_answer(agent, condition, errors, front.words(agent.agent_id), now_ms, base_url)
