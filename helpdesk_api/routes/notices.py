"""Notices: what was sent to whom, what could not be, and the way to try again."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from helpdesk_api.access import OPERATOR, VIEWER
from helpdesk_api.answers.listing import CURSOR, DEFAULT_LIMIT, Limit, Listing, NextLink
from helpdesk_api.answers.notices import ChannelAnswer, NoticeAnswer, notice_answer
from helpdesk_api.desk import Desk, TheDesk
from helpdesk_api.mute_wishes import LARGEST_NUMBER
from helpdesk_api.notice_words import state_of
from helpdesk_api.problem import PROBLEMS_ANSWERED, Problem, not_found
from store import notices
from store.engine import reading
from store.response import Notice

router = APIRouter(prefix="/api/v1", tags=["Notices"], responses=PROBLEMS_ANSWERED)
NoticeNo = Annotated[int, Path(ge=1, le=LARGEST_NUMBER)]


@router.get("/notices", summary="List notices", operation_id="list_notices", dependencies=[VIEWER])
def list_notices(
    request: Request,
    desk: TheDesk,
    next_link: NextLink,
    state: Annotated[
        notices.Which, Query(description="dead: nobody tries them again; cancelled: their reason was over first.")
    ] = "all",
    limit: Limit = DEFAULT_LIMIT,
    cursor: Annotated[int | None, Query(ge=1, le=LARGEST_NUMBER, description=CURSOR)] = None,
) -> Listing[NoticeAnswer]:
    """Newest first."""
    with reading(desk.engine) as connection:
        found = notices.list_notices(connection, state, cursor, limit + 1)
    items = [notice_answer(notice, desk.base_url(request)) for notice in found[:limit]]
    return Listing(items=items, next_cursor=next_link(str(items[-1].notice_no) if len(found) > limit else None))


@router.post(
    "/notices/{notice_no}/retry",
    summary="Try a dead notice again",
    operation_id="retry_notice",
    dependencies=[OPERATOR],
)
def retry_notice(notice_no: NoticeNo, request: Request, desk: TheDesk) -> NoticeAnswer:
    """It waits as if it was new. 409 when it is not dead."""
    return notice_answer(retried(desk, notice_no), desk.base_url(request))


@router.get("/channels", summary="List channels", operation_id="list_channels", dependencies=[VIEWER])
def list_channels(desk: TheDesk) -> Listing[ChannelAnswer]:
    """Where notices go, as the notifications file says; neither addresses nor secrets."""
    return Listing(items=[ChannelAnswer(name=name, kind=kind) for name, kind in desk.channels.items()])


@router.post(
    "/channels/{name}/test",
    summary="Send a test to a channel",
    operation_id="test_channel",
    status_code=HTTPStatus.ACCEPTED,
    dependencies=[OPERATOR],
)
def test_channel(name: Annotated[str, Path(max_length=64)], request: Request, desk: TheDesk) -> NoticeAnswer:
    """The processor sends it; the notice says soon what came of it: GET /api/v1/notices."""
    if name not in desk.channels:
        raise not_found(f"channel {name!r}", f"There are: {', '.join(desk.channels)}.")
    return notice_answer(_found(desk, notices.add_test(desk.engine, name, desk.now_ms())), desk.base_url(request))


def retried(desk: Desk, notice_no: int) -> Notice:
    """Raises a 404 or 409 problem."""
    if not notices.retry_dead(desk.engine, notice_no, desk.now_ms()):
        state = state_of(_found(desk, notice_no))
        detail = f"Notice {notice_no} is {state}: only a dead one can be tried again."
        raise Problem(HTTPStatus.CONFLICT, "notice-not-dead", "Notice not dead", detail)
    return _found(desk, notice_no)


def _found(desk: Desk, notice_no: int) -> Notice:
    with reading(desk.engine) as connection:
        notice = notices.get_notice(connection, notice_no)
    if notice is None:
        raise not_found(f"notice {notice_no}", "/api/v1/notices lists those there are.")
    return notice
