"""Mutes and downtimes as the API shows them."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, Field
from sqlalchemy import Connection

from helpdesk_api.muting import Muting
from helpdesk_api.times import Moment, moment
from store.agents import host_names
from store.mute_windows import LONGEST_WINDOW_MINUTES, current_window
from store.response import Mute, Weekly

Weekday = Annotated[int, Field(ge=0, le=6)]
MuteState = Literal["in force", "waiting", "lifted", "over"]


class WeeklyAnswer(BaseModel):
    """A time that comes back each week."""

    weekdays: Annotated[list[Weekday], Field(min_length=1, max_length=7, description="0 is Monday.")]
    starts: Annotated[
        str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", description="The time of day it starts at, like 22:00.")
    ]
    minutes: Annotated[int, Field(ge=1, le=LONGEST_WINDOW_MINUTES, description="How long it lasts.")]
    timezone: Annotated[str, Field(max_length=64, description="Its name in the IANA database, like Europe/Paris.")] = (
        "UTC"
    )


class MutedAnswer(BaseModel):
    """The mute that covers something now."""

    mute_no: int
    until: Moment | None
    reason: str
    author: str
    sentence: str


class MuteAnswer(BaseModel):
    """What is null in its scope restricts nothing: a mute with an agent alone is of the whole host."""

    mute_no: int
    state: MuteState = Field(description="in force; waiting (to come, or between weekly windows); lifted; over.")
    reason: str
    author: str
    created: Moment
    starts: Moment
    ends: Moment | None
    weekly: WeeklyAnswer | None
    incident: int | None
    agent_id: str | None
    host_name: str | None = Field(description="Of that agent, as far as it is known.")
    rule: str | None
    subject: str | None
    group: str | None
    lifted: Moment | None


class NewMuteAnswer(MuteAnswer):
    hint: str = Field(description="What to know of a group that no agent is in, else empty.")


def weekly_of(answer: WeeklyAnswer) -> Weekly:
    return Weekly(
        weekdays=sorted(set(answer.weekdays)),
        starts=answer.starts,
        minutes=answer.minutes,
        timezone=answer.timezone,
    )


def mute_answers(connection: Connection, mutes: Sequence[Mute], now_ms: int) -> list[MuteAnswer]:
    names = host_names(connection, {mute.agent_id for mute in mutes if mute.agent_id is not None})
    return [_mute_answer(mute, names.get(mute.agent_id or "") or None, now_ms) for mute in mutes]


def _mute_answer(mute: Mute, host_name: str | None, now_ms: int) -> MuteAnswer:
    return MuteAnswer(
        mute_no=mute.mute_no,
        state=state_of(mute, now_ms),
        reason=mute.reason,
        author=mute.author,
        created=moment(mute.created_ms),
        starts=moment(mute.starts_ms),
        ends=None if mute.ends_ms is None else moment(mute.ends_ms),
        weekly=None if mute.weekly is None else _weekly_answer(mute.weekly),
        incident=mute.number,
        agent_id=mute.agent_id,
        host_name=host_name,
        rule=mute.rule,
        subject=mute.subject,
        group=mute.group_name,
        lifted=None if mute.lifted_ms is None else moment(mute.lifted_ms),
    )


def muted_answer(mute: Mute, mutes: Muting) -> MutedAnswer:
    window = current_window(mute, mutes.now_ms)
    return MutedAnswer(
        mute_no=mute.mute_no,
        until=None if window is None or window.end_ms is None else moment(window.end_ms),
        reason=mute.reason,
        author=mute.author,
        sentence=mutes.words(mute),
    )


def state_of(mute: Mute, now_ms: int) -> MuteState:
    if mute.lifted_ms is not None:
        return "lifted"
    if current_window(mute, now_ms) is not None:
        return "in force"
    return "over" if mute.ends_ms is not None and mute.ends_ms <= now_ms else "waiting"


def _weekly_answer(weekly: Weekly) -> WeeklyAnswer:
    return WeeklyAnswer(
        weekdays=list(weekly.weekdays), starts=weekly.starts, minutes=weekly.minutes, timezone=weekly.timezone
    )
