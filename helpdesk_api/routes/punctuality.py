"""How punctual an agent reports."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from helpdesk_api.access import VIEWER
from helpdesk_api.desk import TheDesk
from helpdesk_api.fleet import AgentName, find_agent
from helpdesk_api.problem import PROBLEMS_ANSWERED
from store.engine import reading
from store.punctuality import punctuality

HOUR_MS = 3_600_000
router = APIRouter(prefix="/api/v1/agents", tags=["Agents"], dependencies=[VIEWER], responses=PROBLEMS_ANSWERED)


class PunctualityAnswer(BaseModel):
    """By the server's clock: a report is due one interval after the one before, and in time up to 5 s later."""

    agent_id: str
    interval_seconds: float
    hours: float
    snapshots: int = Field(description="Received in these hours, those out of turn too.")
    due: int
    in_time: int
    ratio: float | None = Field(description="in_time of due; null when nothing was due.")
    longest_pause_seconds: float


@router.get("/{agent}/punctuality", summary="Show how punctual an agent reports", operation_id="get_punctuality")
def get_punctuality(
    agent: AgentName,
    desk: TheDesk,
    hours: Annotated[float, Query(gt=0, le=24, allow_inf_nan=False, description="How far back, 24 at most.")] = 1.0,
) -> PunctualityAnswer:
    """A pause counts as many missed reports as would have fitted into it, also the one that lasts still."""
    now_ms = desk.now_ms()
    with reading(desk.engine) as connection:
        found = find_agent(connection, agent)
        seen = punctuality(connection, found, now_ms - round(hours * HOUR_MS), now_ms)
    return PunctualityAnswer(
        agent_id=found.agent_id,
        interval_seconds=found.interval_ms / 1000,
        hours=hours,
        snapshots=seen.snapshots,
        due=seen.due,
        in_time=seen.in_time,
        ratio=seen.ratio,
        longest_pause_seconds=seen.longest_pause_ms / 1000,
    )
