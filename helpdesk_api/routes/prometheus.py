"""The same figures for Prometheus."""

from collections import Counter

from fastapi import APIRouter, Response
from sqlalchemy import Connection

from health.state import State
from helpdesk_api.access import VIEWER
from helpdesk_api.condition import condition_of
from helpdesk_api.delivery_words import queue_age_seconds
from helpdesk_api.desk import Desk, TheDesk
from helpdesk_api.fleet import all_agents, worst_by_agent
from helpdesk_api.freshness import freshness
from helpdesk_api.problem import PROBLEMS_ANSWERED
from store import delivery, flow, quarantine
from store.engine import reading
from store.incidents import open_incidents

MOST_AGENTS = 10_000
MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
router = APIRouter(tags=["Delivery"], dependencies=[VIEWER], responses=PROBLEMS_ANSWERED)


@router.get(
    "/metrics",
    summary="Read the account, the queue and the fleet as Prometheus metrics",
    operation_id="get_prometheus_metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Text format 0.0.4"}},
)
def prometheus(desk: TheDesk) -> Response:
    """Totals over all agents; for each agent only what is in transit or unexplained."""
    from helpdesk_api.metrics_text import Figures, metrics_text  # loads an HTTP server that nobody else needs

    queue, now_ms = desk.sender.queue, desk.now_ms()
    with reading(desk.engine) as connection:
        sums = delivery.sums(connection, None, MOST_AGENTS)
        figures = Figures(
            sums=sums.total,
            unsettled=[(one.agent_id, one.in_transit, one.unexplained) for one in sums.agents],
            queue=queue,
            queue_age_seconds=queue_age_seconds(queue, flow.last_flow(connection), now_ms),
            quarantine=quarantine.total(connection),
            agents_by_state=_states(desk, connection, now_ms),
        )
    return Response(metrics_text(figures), media_type=MEDIA_TYPE)


def _states(desk: Desk, connection: Connection, now_ms: int) -> Counter[State]:
    worst, fresh = worst_by_agent(open_incidents(connection)), freshness(desk, connection)
    return Counter(
        condition_of(agent, worst.get(agent.agent_id), {}, fresh, now_ms).state for agent in all_agents(connection)
    )
