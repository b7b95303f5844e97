"""Retiring a host that is gone for good: asked for here, done by the processor within a few seconds."""

from http import HTTPStatus

from fastapi import APIRouter
from pydantic import BaseModel, Field

from console.quantities import span
from helpdesk_api.access import OPERATOR, TheAuthor
from helpdesk_api.desk import TheDesk
from helpdesk_api.fleet import AgentName, find_agent
from helpdesk_api.problem import PROBLEMS_ANSWERED, Problem
from store import retirement
from store.engine import reading, transaction
from store.model import Agent
from store.retirement import Retirement

router = APIRouter(prefix="/api/v1/agents", tags=["Agents"], dependencies=[OPERATOR], responses=PROBLEMS_ANSWERED)


class RetirementAnswer(BaseModel):
    agent_id: str
    name: str
    detail: str = Field(description="What happens now.")


@router.post(
    "/{agent}/retire",
    summary="Retire a host that is gone for good",
    operation_id="retire_agent",
    status_code=HTTPStatus.ACCEPTED,
)
def retire(agent: AgentName, desk: TheDesk, author: TheAuthor) -> RetirementAnswer:
    """Its open incidents are closed and nothing is expected of it any more; its history stays, and what it sends brings
    it back. 409 while its agent is connected, or when it is retired already."""
    now_ms = desk.now_ms()
    with reading(desk.engine) as connection:  # an unknown name is compared with all others: nobody waits for that
        found = find_agent(connection, agent)
    _require_gone(found, now_ms)
    with transaction(desk.engine) as connection:
        retirement.request(connection, Retirement(agent_id=found.agent_id, requested_ms=now_ms, author=author))
    detail = "The processor closes its incidents within a few seconds. It comes back by itself when its agent sends."
    return RetirementAnswer(agent_id=found.agent_id, name=found.name, detail=detail)


def _require_gone(agent: Agent, now_ms: int) -> None:
    if agent.is_retired:
        told = f"{agent.name} is retired already. It comes back by itself when its agent sends."
        raise Problem(HTTPStatus.CONFLICT, "nothing-to-do", "Nothing to do", told)
    if agent.is_connected(now_ms):
        heard = f"{agent.name} is not gone: its agent was heard {span((now_ms - agent.last_seen_ms) / 1000)} ago."
        now = "Stop the agent on the host first, then retire the host."
        raise Problem(HTTPStatus.CONFLICT, "agent-connected", "Agent connected", f"{heard} {now}")
