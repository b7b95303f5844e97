"""The same figures for Prometheus."""

from collections import Counter
from collections.abc import Sequence

from fastapi import APIRouter, Response
from sqlalchemy import Connection

from helpdesk_api.access import VIEWER
from helpdesk_api.conditions import conditions_of
from helpdesk_api.delivery_words import queue_age_seconds
from helpdesk_api.desk import TheDesk
from helpdesk_api.fleet import all_agents
from helpdesk_api.problem import PROBLEMS_ANSWERED
from store import delivery, flow, quarantine
from store.engine import reading
from store.model import Agent
from store.punctuality import punctualities

MOST_AGENTS = 10_000
PUNCTUALITY_MS = 300_000
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
    """Totals over all agents; for each agent what is in transit or unexplained, and how punctual it reports."""
    from helpdesk_api.metrics_text import Figures, metrics_text  # loads an HTTP server that nobody else needs

    queue, now_ms = desk.sender.queue, desk.now_ms()
    with reading(desk.engine) as connection:
        sums, agents = delivery.sums(connection, None, MOST_AGENTS), list(all_agents(connection))
        figures = Figures(
            sums=sums.total,
            unsettled=[(one.agent_id, one.in_transit, one.unexplained) for one in sums.agents],
            queue=queue,
            queue_age_seconds=queue_age_seconds(queue, flow.last_flow(connection), now_ms),
            quarantine=quarantine.total(connection),
            agents_by_state=Counter(one.state for one in conditions_of(desk, connection, agents).values()),
            punctual=_punctual(connection, agents, now_ms),
        )
    return Response(metrics_text(figures), media_type=MEDIA_TYPE)


def _punctual(connection: Connection, agents: Sequence[Agent], now_ms: int) -> list[tuple[str, float]]:
    seen = punctualities(connection, agents[:MOST_AGENTS], now_ms - PUNCTUALITY_MS, now_ms)
    return [(agent_id, one.ratio) for agent_id, one in seen.items() if one.ratio is not None]
