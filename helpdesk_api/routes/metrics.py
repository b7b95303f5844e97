"""An agent's readings: the newest, and over time."""

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from helpdesk_api.access import VIEWER
from helpdesk_api.agent_clock import correction_ms
from helpdesk_api.answers.metrics import HistoryAnswer, MetricsAnswer, metrics_answer, point_answer
from helpdesk_api.desk import Desk, TheDesk
from helpdesk_api.fleet import AgentName, find_agent
from helpdesk_api.problem import PROBLEMS_ANSWERED, Problem, not_found
from helpdesk_api.times import moment, to_ms
from store import snapshots
from store.engine import reading

LONGEST = timedelta(days=31)
DEFAULT_SPAN_MS = 3_600_000
MAX_POINTS = 2000
NOT_YET = "The first one follows an agent's hello within one interval."
NO_LONGER_KEPT = "Its newest one is older than is kept."
router = APIRouter(
    prefix="/api/v1/agents/{agent}/metrics", tags=["Metrics"], dependencies=[VIEWER], responses=PROBLEMS_ANSWERED
)
ReadingName = Annotated[str, Query(min_length=1, max_length=256)]


@router.get("", summary="Show the newest readings", operation_id="get_metrics")
def get_metrics(agent: AgentName, desk: TheDesk) -> MetricsAnswer:
    return newest_metrics(desk, agent)


@router.get("/history", summary="Show readings over time", operation_id="get_history")
def get_history(
    agent: AgentName,
    desk: TheDesk,
    metrics: Annotated[
        list[ReadingName],
        Query(min_length=1, max_length=20, description="Readings, or metrics for all their readings; at most 20."),
    ],
    start: Annotated[AwareDatetime | None, Query(description="RFC 3339; an hour before the end by default.")] = None,
    end: Annotated[AwareDatetime | None, Query(description="RFC 3339, not included; now by default.")] = None,
    max_points: Annotated[int, Query(ge=1, le=MAX_POINTS, description="Per series, 1 to 2000.")] = 600,
) -> HistoryAnswer:
    """Each point tells the lowest, average and highest value of its stretch, so that a short peak stays visible."""
    end_ms = desk.now_ms() + 1 if end is None else to_ms(end)
    start_ms = end_ms - DEFAULT_SPAN_MS if start is None else to_ms(start)
    _check_span(start_ms, end_ms)
    with reading(desk.engine) as connection:
        found = find_agent(connection, agent)
        ahead_ms = correction_ms(found)
        series = snapshots.history(
            connection, found.agent_id, metrics, start_ms - ahead_ms, end_ms - ahead_ms, max_points
        )
    return HistoryAnswer(
        agent_id=found.agent_id,
        start=moment(start_ms),
        end=moment(end_ms),
        resolution_seconds=max(1, -(-(end_ms - start_ms) // max_points)) / 1000,
        series={name: [point_answer(point, ahead_ms) for point in points] for name, points in series.items()},
    )


def newest_metrics(desk: Desk, agent: str) -> MetricsAnswer:
    """Raises a 404 problem for an unknown agent and for one that has sent no snapshot."""
    with reading(desk.engine) as connection:
        found = find_agent(connection, agent)
        snapshot = snapshots.latest(connection, found)
    if snapshot is None:
        raise not_found(f"snapshot of {found.name}", NO_LONGER_KEPT if found.has_metrics else NOT_YET)
    return metrics_answer(snapshot, correction_ms(found), desk.now_ms())


def _check_span(start_ms: int, end_ms: int) -> None:
    if 0 <= start_ms < end_ms and end_ms - start_ms <= LONGEST / timedelta(milliseconds=1):
        return
    detail = f"start must lie before end, by {LONGEST.days} days at most."
    raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-request", "Invalid request", detail)
