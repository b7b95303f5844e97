"""Asking one agent to report now.

    POST --command--> reply address --> agent --snapshot, then result--> processor --> store --> the answer

The answer takes the road of every record, so a poll proves the whole chain.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from helpdesk_api.access import OPERATOR
from helpdesk_api.answers.metrics import MetricsAnswer
from helpdesk_api.commanding import NotSent, send_command
from helpdesk_api.condition import silence
from helpdesk_api.desk import Desk, TheDesk
from helpdesk_api.fleet import AgentName, find_agent
from helpdesk_api.freshness import freshness
from helpdesk_api.problem import PROBLEMS_ANSWERED, Problem
from helpdesk_api.readiness import broker_link
from helpdesk_api.routes.metrics import newest_metrics
from rabbitmq.commands import Command
from store import commands
from store.commands import SentCommand
from store.engine import reading
from store.model import Agent

LOOK_AGAIN_SECONDS = 0.1
router = APIRouter(prefix="/api/v1/agents", tags=["Metrics"], dependencies=[OPERATOR], responses=PROBLEMS_ANSWERED)


class PollUnderWay(BaseModel):
    """The agent was asked, its answer is not stored yet."""

    command_id: str
    detail: str = Field(description="What now.")


@router.post(
    "/{agent}/poll",
    summary="Ask the agent to report now",
    operation_id="poll_agent",
    responses={202: {"model": PollUnderWay, "description": "Asked, not answered yet"}},
)
def poll(agent: AgentName, desk: TheDesk, response: Response) -> MetricsAnswer | PollUnderWay:
    """Waits up to 5 s: 200 with the fresh readings, 202 when they are not stored by then, 409 when the agent cannot
    be reached."""
    with _place(desk):
        with reading(desk.engine) as connection:
            found = find_agent(connection, agent)
            excuse = freshness(desk, connection).excuse(found, desk.now_ms())
        command = _ask(desk, found, excuse)
        ended = _wait(desk, command.command_id)
    if ended is None:
        response.status_code = HTTPStatus.ACCEPTED
        told = f"{found.name} was asked; its answer will show under /api/v1/agents/{found.agent_id}/metrics."
        return PollUnderWay(command_id=command.command_id, detail=told)
    if ended.outcome != "done":
        raise _unreachable(f"{found.name} {ended.outcome} the poll: {ended.detail or 'it gave no reason'}.")
    return newest_metrics(desk, found.agent_id)


@contextmanager
def _place(desk: Desk) -> Iterator[None]:
    if not desk.poll_places.acquire(blocking=False):
        detail = "Too many polls are waiting for their agents. Try again in some seconds."
        headers = {"Retry-After": "5"}
        raise Problem(HTTPStatus.TOO_MANY_REQUESTS, "too-many-polls", "Too many polls", detail, headers=headers)
    try:
        yield
    finally:
        desk.poll_places.release()


def _ask(desk: Desk, agent: Agent, excuse: str | None) -> Command:
    """Note the command, then send it. Raises a 409 problem when the agent cannot be reached; `excuse` says why there
    are no fresh data where that is not the agent's fault."""
    if desk.sender.blocked is not None:
        raise _unreachable(f"A command cannot reach {agent.name}. {broker_link(desk).reason}")
    now_ms = desk.now_ms()
    silent = excuse or silence(agent, now_ms)
    if silent is not None and not agent.is_connected(now_ms):
        raise _unreachable(f"A command cannot reach {agent.name}. {silent}")
    try:
        return send_command(desk, agent, "poll", {})
    except NotSent as why:
        raise _unreachable(str(why)) from None


def _wait(desk: Desk, command_id: str) -> SentCommand | None:
    """The command when it has ended within the time allowed, else None."""
    deadline = time.monotonic() + desk.poll_wait_seconds
    while True:
        with reading(desk.engine) as connection:
            command = commands.get(connection, command_id)
        if command is not None and command.outcome is not None:
            return command
        if time.monotonic() >= deadline:
            return None
        time.sleep(LOOK_AGAIN_SECONDS)


def _unreachable(detail: str) -> Problem:
    return Problem(HTTPStatus.CONFLICT, "agent-not-reached", "Agent not reached", detail)
