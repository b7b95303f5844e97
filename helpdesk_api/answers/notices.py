"""Notices and channels as the API shows them."""

from pydantic import BaseModel, Field

from helpdesk_api.notice_words import state_of, what_now
from helpdesk_api.times import Moment, moment
from store.notices import NoticeState
from store.response import Notice


class NoticeAnswer(BaseModel):
    """One message about one incident to one channel. No incident stands behind a test."""

    notice_no: int
    incident: int | None
    channel: str
    kind: str = Field(description="problem, worse, flapping, reminder, escalation, recovery or test.")
    state: NoticeState
    sentence: str = Field(description="What it says.")
    created: Moment
    due: Moment = Field(description="When it is sent, or tried again, at the earliest.")
    attempts: int
    delivered: Moment | None
    why: str = Field(description="It is dead or cancelled, or what the last attempt met.")
    now: str = Field(description="What now, empty where nothing is to be done.")
    url: str | None = Field(description="The incident's page.")


class ChannelAnswer(BaseModel):
    name: str
    kind: str


def notice_answer(notice: Notice, base_url: str) -> NoticeAnswer:
    return NoticeAnswer(
        notice_no=notice.notice_no,
        incident=notice.number,
        channel=notice.channel,
        kind=notice.kind,
        state=state_of(notice),
        sentence=str(notice.payload.get("sentence", "")),
        created=moment(notice.created_ms),
        due=moment(notice.due_ms),
        attempts=notice.attempts,
        delivered=None if notice.delivered_ms is None else moment(notice.delivered_ms),
        why=notice.why,
        now=what_now(notice),
        url=None if notice.number is None else f"{base_url}/i/{notice.number}",
    )
