"""Doing something about an incident: acknowledge it, take that back, write a note."""

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field, StringConstraints

from helpdesk_api import acts
from helpdesk_api.access import OPERATOR, TheAuthor
from helpdesk_api.answers.incidents import IncidentAnswer
from helpdesk_api.desk import TheDesk
from helpdesk_api.problem import PROBLEMS_ANSWERED
from helpdesk_api.routes.incidents import Number, incident_shown

router = APIRouter(
    prefix="/api/v1/incidents/{number}", tags=["Incidents"], dependencies=[OPERATOR], responses=PROBLEMS_ANSWERED
)


class AcknowledgeWish(BaseModel):
    note: Annotated[str, Field(max_length=acts.LONGEST_NOTE, description="A word for those who come later.")] = ""


class NoteWish(BaseModel):
    note: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=acts.LONGEST_NOTE)]


@router.post("/acknowledge", summary="Say that you look after it", operation_id="acknowledge_incident")
def acknowledge(
    number: Number, request: Request, desk: TheDesk, author: TheAuthor, wish: AcknowledgeWish | None = None
) -> IncidentAnswer:
    """Reminders and escalations end. 409 when it is closed or acknowledged already."""
    acts.acknowledge(desk, number, author, wish.note if wish else "")
    return incident_shown(desk, number, desk.base_url(request))


@router.post("/unacknowledge", summary="Take that back", operation_id="unacknowledge_incident")
def unacknowledge(
    number: Number, request: Request, desk: TheDesk, author: TheAuthor, wish: AcknowledgeWish | None = None
) -> IncidentAnswer:
    """Reminders begin again. 409 when it is closed or was not acknowledged."""
    acts.unacknowledge(desk, number, author, wish.note if wish else "")
    return incident_shown(desk, number, desk.base_url(request))


@router.post("/notes", summary="Write a note", operation_id="add_note")
def add_note(number: Number, request: Request, desk: TheDesk, author: TheAuthor, wish: NoteWish) -> IncidentAnswer:
    """It stands in the timeline, of closed incidents, too."""
    acts.add_note(desk, number, author, wish.note)
    return incident_shown(desk, number, desk.base_url(request))
