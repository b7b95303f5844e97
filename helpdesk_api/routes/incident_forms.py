"""What the forms of the pages do; each leads back to its page.

The Gate has seen that the form is one of ours.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from helpdesk_api import acts
from helpdesk_api.access import OPERATOR, TheAuthor
from helpdesk_api.desk import TheDesk
from helpdesk_api.forms import Form
from helpdesk_api.mute_wishes import LARGEST_NUMBER, MuteWish, mute_of
from helpdesk_api.problem import invalid
from helpdesk_api.routes.incidents import Number
from helpdesk_api.routes.notices import NoticeNo, retried
from store.engine import reading

router = APIRouter(dependencies=[OPERATOR], include_in_schema=False)
MuteNo = Annotated[int, Path(ge=1, le=LARGEST_NUMBER)]


@router.post("/i/{number}/acknowledge")
def acknowledge(number: Number, desk: TheDesk, author: TheAuthor, form: Form) -> RedirectResponse:
    acts.acknowledge(desk, number, author, _note(form))
    return _back(f"/i/{number}")


@router.post("/i/{number}/unacknowledge")
def unacknowledge(number: Number, desk: TheDesk, author: TheAuthor, form: Form) -> RedirectResponse:
    acts.unacknowledge(desk, number, author, _note(form))
    return _back(f"/i/{number}")


@router.post("/i/{number}/notes")
def add_note(number: Number, desk: TheDesk, author: TheAuthor, form: Form) -> RedirectResponse:
    note = _note(form)
    if not note:
        raise invalid("The note is empty. Go back and write one.")
    acts.add_note(desk, number, author, note)
    return _back(f"/i/{number}")


@router.post("/i/{number}/mute")
def mute(number: Number, desk: TheDesk, author: TheAuthor, form: Form) -> RedirectResponse:
    try:
        wish = MuteWish.model_validate(
            {"incident": number, "reason": form.get("reason", ""), "for_seconds": form.get("for_seconds", "")}
        )
    except ValidationError:
        raise invalid("A mute needs a reason and an end within 30 days. Go back and give both.") from None
    with reading(desk.engine) as connection:
        wanted = mute_of(wish, connection, author, desk.now_ms())
    acts.mute(desk, wanted)
    return _back(f"/i/{number}")


@router.post("/i/{number}/unmute/{mute_no}")
def unmute(number: Number, mute_no: MuteNo, desk: TheDesk, author: TheAuthor) -> RedirectResponse:
    acts.unmute(desk, mute_no, author)
    return _back(f"/i/{number}")


@router.post("/mutes/{mute_no}/lift")
def lift_mute(mute_no: MuteNo, desk: TheDesk, author: TheAuthor) -> RedirectResponse:
    acts.unmute(desk, mute_no, author)
    return _back("/mutes")


@router.post("/notices/{notice_no}/retry")
def retry_notice(notice_no: NoticeNo, desk: TheDesk) -> RedirectResponse:
    retried(desk, notice_no)
    return _back("/notices")


def _note(form: Mapping[str, str]) -> str:
    note = form.get("note", "").strip()
    if len(note) > acts.LONGEST_NOTE:
        raise invalid(f"The note is longer than {acts.LONGEST_NOTE} characters. Go back and shorten it.")
    return note


def _back(path: str) -> RedirectResponse:
    return RedirectResponse(path, HTTPStatus.SEE_OTHER)
