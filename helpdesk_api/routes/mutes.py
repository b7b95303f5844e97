"""Mutes and downtimes: whom nobody wants to hear of for a while."""

from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query

from helpdesk_api import acts
from helpdesk_api.access import OPERATOR, VIEWER, TheAuthor
from helpdesk_api.answers.listing import CURSOR, DEFAULT_LIMIT, Limit, Listing, NextLink
from helpdesk_api.answers.mutes import MuteAnswer, NewMuteAnswer, mute_answers
from helpdesk_api.desk import Desk, TheDesk
from helpdesk_api.fleet import all_agents
from helpdesk_api.group_hint import group_hint
from helpdesk_api.mute_wishes import LARGEST_NUMBER, MuteWish, mute_of
from helpdesk_api.problem import PROBLEMS_ANSWERED
from store import mutes
from store.engine import reading
from store.response import Mute

router = APIRouter(prefix="/api/v1/mutes", tags=["Mutes"], responses=PROBLEMS_ANSWERED)


@router.get("", summary="List mutes and downtimes", operation_id="list_mutes", dependencies=[VIEWER])
def list_mutes(
    desk: TheDesk,
    next_link: NextLink,
    state: Annotated[
        Literal["current", "all"],
        Query(description="current: in force, to come or coming back; all: those that ended, too."),
    ] = "current",
    limit: Limit = DEFAULT_LIMIT,
    cursor: Annotated[int | None, Query(ge=1, le=LARGEST_NUMBER, description=CURSOR)] = None,
) -> Listing[MuteAnswer]:
    """Newest first."""
    now_ms = desk.now_ms()
    with reading(desk.engine) as connection:
        found = mutes.list_mutes(connection, now_ms, cursor, limit + 1, with_ended=state == "all")
        items = mute_answers(connection, found[:limit], now_ms)
    return Listing(items=items, next_cursor=next_link(str(items[-1].mute_no) if len(found) > limit else None))


@router.post("", summary="Mute", operation_id="add_mute", status_code=HTTPStatus.CREATED, dependencies=[OPERATOR])
def add_mute(wish: MuteWish, desk: TheDesk, author: TheAuthor) -> NewMuteAnswer:
    """States go on being known; nobody is notified of what the mute covers, and it shows as muted."""
    now_ms = desk.now_ms()
    with reading(desk.engine) as connection:
        wanted = mute_of(wish, connection, author, now_ms)
        hint = "" if wish.group is None else group_hint(wish.group, list(all_agents(connection)))
    return NewMuteAnswer(**dict(_answer(desk, acts.mute(desk, wanted), now_ms)), hint=hint)


@router.delete("/{mute_no}", summary="Lift a mute", operation_id="lift_mute", dependencies=[OPERATOR])
def lift_mute(mute_no: Annotated[int, Path(ge=1, le=LARGEST_NUMBER)], desk: TheDesk, author: TheAuthor) -> MuteAnswer:
    """It ends at once and stays in the list of all. Lifting it again changes nothing."""
    return _answer(desk, acts.unmute(desk, mute_no, author), desk.now_ms())


def _answer(desk: Desk, mute: Mute, now_ms: int) -> MuteAnswer:
    with reading(desk.engine) as connection:
        return mute_answers(connection, [mute], now_ms)[0]
