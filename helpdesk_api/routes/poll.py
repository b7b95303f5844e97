"""Asking one agent to report now.

    POST --command--> reply address --> agent --snapshot, then result--> processor --> store --> the answer

The road back is the road of every record, so a poll proves the whole chain.
"""

import queue
import secrets
import threading
import time
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field

from helpdesk_api.access import OPERATOR
from helpdesk_api.answers.metrics import MetricsAnswer
from helpdesk_api.condition import silence
from helpdesk_api.desk import Desk, TheDesk
from helpdesk_api.fleet import find_agent
from helpdesk_api.problem import PROBLEMS_ANSWERED, Problem
from helpdesk_api.routes.metrics import newest_metrics
from rabbitmq.commands import Command
from store import commands
from store.engine import reading, transaction
from store.model import Agent

EXPIRES_AFTER_MS = 30_000
LOOK_AGAIN_SECONDS = 0.1
MAX_WAITING = 16  # each one holds a worker thread, and pages need some too
_places = threading.BoundedSemaphore(MAX_WAITING)
router = APIRouter(prefix="/api/v1/agents", tags=["Metrics"], dependencies=[OPERATOR], responses=PROBLEMS_ANSWERED)


class PollUnderWay(BaseModel):
    """The agent was asked, its answer is not stored yet; it will show in the agent's metrics."""

    command_id: str
    detail: str = Field(description="What now.")


@router.post(
    "/{agent}/poll",
    summary="Ask the agent to report now",
    operation_id="poll_agent",
    responses={HTTPStatus.ACCEPTED: {"model": PollUnderWay}},
)
def poll(agent: str, desk: TheDesk, response: Response, _place: Annotated[None, Depends(lambda: None)]) -> MetricsAnswer | PollUnderWay:
    """Waits up to 5 s for the fresh snapshot: 200 with it, 202 when it is not stored by then, 409 when the agent is
    not connected."""
