"""The account of records: where each one is."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query

from helpdesk_api.access import VIEWER
from helpdesk_api.answers.delivery import (
    SPOOL_METRICS,
    DeliveryAnswer,
    GapAnswer,
    agent_account_answer,
    gap_answer,
    queue_answer,
    sums_answer,
)
from helpdesk_api.answers.listing import CURSOR, DEFAULT_LIMIT, Limit, Listing, NextLink
from helpdesk_api.delivery_words import queue_age_seconds
from helpdesk_api.desk import TheDesk
from helpdesk_api.fleet import AgentName, find_agent
from helpdesk_api.problem import PROBLEMS_ANSWERED, Problem
from store import delivery, flow, snapshots
from store.engine import reading

MOST_AGENTS = 5_000
DEFAULT_AGENTS = 1_000
router = APIRouter(prefix="/api/v1", tags=["Delivery"], dependencies=[VIEWER], responses=PROBLEMS_ANSWERED)


@router.get("/delivery", summary="Show the account of records", operation_id="get_delivery")
def get_delivery(
    desk: TheDesk,
    next_link: NextLink,
    limit: Annotated[int, Query(ge=1, le=MOST_AGENTS, description="How many agents at most.")] = DEFAULT_AGENTS,
    cursor: Annotated[str | None, Query(max_length=64, description="The last agent_id of the part before.")] = None,
) -> DeliveryAnswer:
    """assigned = stored + quarantined + declared + in_transit + unexplained, for each agent and in total, at every
    moment. The total is over all agents. With more agents than the limit a Link header names the next part."""
    with reading(desk.engine) as connection:
        sums = delivery.sums(connection, cursor, limit + 1)
        shown = sums.agents[:limit]
        spools = snapshots.newest_readings(connection, SPOOL_METRICS, [one.agent_id for one in shown])
        last = flow.last_flow(connection)
    agents = [agent_account_answer(one, spools.get(one.agent_id, {})) for one in shown]
    next_link(shown[-1].agent_id if len(sums.agents) > limit else None)
    queue = desk.sender.queue
    age_seconds = queue_age_seconds(queue, last, desk.now_ms())
    return DeliveryAnswer(agents=agents, total=sums_answer(sums.total), queue=queue_answer(queue, age_seconds))


@router.get("/agents/{agent}/gaps", summary="List an agent's records that are not stored", operation_id="get_gaps")
def get_gaps(
    agent: AgentName,
    desk: TheDesk,
    next_link: NextLink,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Annotated[str | None, Query(max_length=40, pattern="^[0-9]+-[0-9]+$", description=CURSOR)] = None,
) -> Listing[GapAnswer]:
    """Ranges of numbers, each with its state and reason, in the order of epoch and number."""
    after = None if cursor is None else _place(cursor)
    with reading(desk.engine) as connection:
        found = delivery.gaps(connection, find_agent(connection, agent).agent_id, after, limit + 1)
    items = [gap_answer(epoch, gap) for epoch, gap in found[:limit]]
    more = len(found) > limit
    return Listing(items=items, next_cursor=next_link(f"{items[-1].epoch}-{items[-1].first_seq}" if more else None))


def _place(cursor: str) -> tuple[int, int]:
    epoch, _, first_seq = cursor.partition("-")
    if int(epoch) >= 2**63 or int(first_seq) >= 2**63:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-request", "Invalid request", "cursor: out of range.")
    return int(epoch), int(first_seq)
