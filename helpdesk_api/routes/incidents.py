"""What is wrong, and what to do about it."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from sqlalchemy import Connection

from helpdesk_api.access import VIEWER
from helpdesk_api.answers.families import FamilyAnswer, family_answer
from helpdesk_api.answers.incidents import IncidentAnswer, incident_answer
from helpdesk_api.answers.listing import CURSOR, DEFAULT_LIMIT, Limit, Listing, NextLink
from helpdesk_api.desk import Desk, TheDesk
from helpdesk_api.families import families
from helpdesk_api.fleet import find_agent
from helpdesk_api.incident_views import mutes_of
from helpdesk_api.muting import muting
from helpdesk_api.problem import PROBLEMS_ANSWERED, not_found
from store.engine import reading
from store.incidents import Which, get_incident, list_incidents, open_incidents
from store.model import Incident
from store.notices import notices_of

LARGEST_NUMBER = 2**53 - 1
router = APIRouter(prefix="/api/v1", tags=["Incidents"], dependencies=[VIEWER], responses=PROBLEMS_ANSWERED)
Number = Annotated[int, Path(ge=1, le=LARGEST_NUMBER)]


@router.get("/incidents", summary="List incidents", operation_id="list_incidents")
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
        mutes = muting(connection, desk.now_ms())
        muted = mutes_of(connection, found, mutes)
    base_url = desk.base_url(request)
    items = [incident_answer(incident, muted.get(incident.number), mutes, base_url) for incident in found[:limit]]
    return Listing(items=items, next_cursor=next_link(str(items[-1].number) if len(found) > limit else None))


@router.get("/incidents/{number}", summary="Show an incident with its remedies", operation_id="get_incident")
def get_one_incident(number: Number, request: Request, desk: TheDesk) -> IncidentAnswer:
    """With its life so far and what was sent about it."""
    return incident_shown(desk, number, desk.base_url(request))


@router.get("/families", summary="List families of incidents", operation_id="list_families")
def list_families(request: Request, desk: TheDesk) -> Listing[FamilyAnswer]:
    """Open incidents of one rule on three hosts or more are one family, the most urgent first."""
    with reading(desk.engine) as connection:
        found = families(open_incidents(connection))
    return Listing(items=[family_answer(family, desk.base_url(request)) for family in found])


def incident_shown(desk: Desk, number: int, base_url: str) -> IncidentAnswer:
    """Raises a 404 problem."""
    with reading(desk.engine) as connection:
        incident = find_incident(connection, number)
        mutes = muting(connection, desk.now_ms())
        mute = mutes_of(connection, [incident], mutes).get(number)
        notices = notices_of(connection, number)
    return incident_answer(incident, mute, mutes, base_url, notices)


def find_incident(connection: Connection, number: int) -> Incident:
    """Raises a 404 problem."""
    incident = get_incident(connection, number)
    if incident is None:
        raise not_found(f"incident {number}", "/api/v1/incidents?state=all lists those there are.")
    return incident
