"""Messages that came and could not be taken in: why, what now, and the way back."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field, model_validator
from sqlalchemy import Connection

from helpdesk_api.access import OPERATOR, VIEWER
from helpdesk_api.answers.listing import CURSOR, DEFAULT_LIMIT, Limit, Listing, NextLink
from helpdesk_api.answers.quarantine import (
    QuarantinedAnswer,
    QuarantinedMessageAnswer,
    RedriveAnswer,
    quarantined_answer,
    quarantined_message_answer,
)
from helpdesk_api.desk import TheDesk
from helpdesk_api.fleet import find_agent
from helpdesk_api.problem import PROBLEMS_ANSWERED, Problem, not_found
from store import quarantine
from store.agents import get_agent
from store.engine import reading, transaction
from store.model import Quarantined
from store.quarantine import QuarantineEntry

LARGEST_NUMBER = 2**53 - 1
MOST_NUMBERS = 1_000
router = APIRouter(prefix="/api/v1/quarantine", tags=["Quarantine"], responses=PROBLEMS_ANSWERED)
Number = Annotated[int, Path(ge=1, le=LARGEST_NUMBER)]
Reason = Annotated[str | None, Query(max_length=100, description="Only those with this reason, like not-json.")]
Sender = Annotated[str | None, Query(max_length=256, description="Only those this agent sent, by id or host name.")]
Cursor = Annotated[int | None, Query(ge=1, le=LARGEST_NUMBER, description=CURSOR)]


class Wish(BaseModel):
    """Which messages are to be read again: these numbers, or all of one reason."""

    numbers: Annotated[list[Annotated[int, Field(ge=1, le=LARGEST_NUMBER)]], Field(max_length=MOST_NUMBERS)] = []
    reason: Annotated[str | None, Field(min_length=1, max_length=100)] = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "Wish":
        if bool(self.numbers) == (self.reason is not None):
            raise ValueError("give numbers or a reason")
        return self


@router.get("", summary="List quarantined messages", operation_id="list_quarantine", dependencies=[VIEWER])
def list_quarantine(
    request: Request,
    desk: TheDesk,
    next_link: NextLink,
    reason: Reason = None,
    agent: Sender = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Listing[QuarantinedAnswer]:
    """Newest first, without their bytes."""
    with reading(desk.engine) as connection:
        sender = None if agent is None else sender_of(connection, agent)
        found = quarantine.list_entries(connection, cursor, limit + 1, reason=reason, routing_key=sender)
    items = [quarantined_answer(entry, desk.base_url(request)) for entry in found[:limit]]
    return Listing(items=items, next_cursor=next_link(str(items[-1].number) if len(found) > limit else None))


@router.get("/{number}", summary="Show a quarantined message", operation_id="get_quarantined", dependencies=[VIEWER])
def get_quarantined(number: Number, request: Request, desk: TheDesk) -> QuarantinedMessageAnswer:
    """With its headers and the first 64 KiB of its bytes, as text in which nothing can hide, or in base64."""
    with reading(desk.engine) as connection:
        entry, message = find_quarantined(connection, number)
    return quarantined_message_answer(entry, message, desk.base_url(request))


@router.post("/redrive", summary="Have messages read again", operation_id="redrive", dependencies=[OPERATOR])
def redrive(wish: Wish, desk: TheDesk) -> RedriveAnswer:
    """The processor takes them up; what it cannot take in stays in quarantine, with why this time. Messages of which
    only the beginning is kept, and those asked for already, are left out."""
    with transaction(desk.engine) as connection:
        requested = quarantine.request_redrive(connection, wish.reason or wish.numbers, desk.now_ms())
    return RedriveAnswer(requested=requested)


def find_quarantined(connection: Connection, number: int) -> tuple[QuarantineEntry, Quarantined]:
    """Raises a 404 problem."""
    entry, message = quarantine.get_entry(connection, number), quarantine.get(connection, number)
    if entry is None or message is None:
        raise not_found(f"message {number} in quarantine", "It was redriven, or never there: /api/v1/quarantine.")
    return entry, message


def sender_of(connection: Connection, name: str) -> str:
    """The routing key of an agent's messages. Who never got a message through is no agent: then it is the name."""
    if get_agent(connection, name) is not None:
        return name
    try:
        return find_agent(connection, name).agent_id
    except Problem as problem:
        if problem.slug == "ambiguous-name":
            raise
        return name
