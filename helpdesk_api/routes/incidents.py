"""What is wrong, and what to do about it."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from sqlalchemy import Connection

from helpdesk_api.access import VIEWER
from helpdesk_api.answers.incidents import IncidentAnswer, incident_answer
from helpdesk_api.answers.listing import CURSOR, DEFAULT_LIMIT, Limit, Listing, NextLink
from helpdesk_api.desk import TheDesk
from helpdesk_api.fleet import find_agent
from helpdesk_api.problem import PROBLEMS_ANSWERED, not_found
from store.engine import reading
from store.incidents import Which, get_incident, list_incidents
from store.model import Incident

LARGEST_NUMBER = 2**53 - 1
router = APIRouter(prefix="/api/v1/incidents", tags=["Incidents"], dependencies=[VIEWER], responses=PROBLEMS_ANSWERED)
Number = Annotated[int, Path(ge=1, le=LARGEST_NUMBER)]


@router.get("", summary="List incidents", operation_id="list_incidents")
def get_incidents(
    request: Request,
    desk: TheDesk,
    next_link: NextLink,
    state: Which = "open",
    agent: Annotated[str | None, Query(max_length=256, description="Of this agent alone, by id or host name.")] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Annotated[int | None, Query(ge=1, le=LARGEST_NUMBER, description=CURSOR)] = None,
) -> Listing[IncidentAnswer]:
    """Newest first, with their remedies, without their timelines."""
    with reading(desk.engine) as connection:
        agent_id = None if agent is None else find_agent(connection, agent).agent_id
        found = list_incidents(connection, state, agent_id, cursor, limit + 1)
    items = [incident_answer(incident, desk.base_url(request)) for incident in found[:limit]]
    return Listing(items=items, next_cursor=next_link(str(items[-1].number) if len(found) > limit else None))


@router.get("/{number}", summary="Show an incident with its remedies", operation_id="get_incident")
def get_one_incident(number: Number, request: Request, desk: TheDesk) -> IncidentAnswer:
    with reading(desk.engine) as connection:
        incident = find_incident(connection, number)
    return incident_answer(incident, desk.base_url(request))


def find_incident(connection: Connection, number: int) -> Incident:
    """Raises a 404 problem."""
    incident = get_incident(connection, number)
    if incident is None:
        raise not_found(f"incident {number}", "/api/v1/incidents?state=all lists those there are.")
    return incident
