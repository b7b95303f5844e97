"""A mute as people ask for it, and what it becomes."""

from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BaseModel, Field, StringConstraints, model_validator
from sqlalchemy import Connection

from helpdesk_api.answers.mutes import WeeklyAnswer, weekly_of
from helpdesk_api.fleet import find_agent
from helpdesk_api.problem import invalid, not_found
from helpdesk_api.times import to_ms
from store.incidents import get_incident
from store.mute_windows import leaves_a_gap
from store.response import Mute

LARGEST_NUMBER = 2**53 - 1
LONGEST_MUTE_SECONDS = 30 * 86_400
FURTHEST_START_MS = 366 * 86_400_000
OF_THE_MACHINE = ("localtime", "posixrules")  # another zone on each machine, or none
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
Name = Annotated[str, Field(min_length=1, max_length=256)]


class MuteWish(BaseModel):
    """Whom nobody wants to hear of, until when and why.

    Whom: an incident; or an agent, a group, a rule (with a subject), all of which must fit; or everything. Until when:
    `for_seconds` or `ends` for a mute from now on, `starts` and `ends` for a downtime to come, `weekly` for one that
    comes back. No mute is longer than 30 days but a weekly one whose windows leave a gap.
    """

    reason: Reason
    incident: Annotated[int, Field(ge=1, le=LARGEST_NUMBER)] | None = None
    agent: Annotated[Name | None, Field(description="By id or host name.")] = None
    group: Name | None = None
    rule: Name | None = None
    subject: Annotated[str, Field(max_length=1024)] | None = None
    everything: bool = False
    for_seconds: Annotated[float, Field(gt=0, le=LONGEST_MUTE_SECONDS, allow_inf_nan=False)] | None = None
    starts: AwareDatetime | None = None
    ends: AwareDatetime | None = None
    weekly: WeeklyAnswer | None = None

    @model_validator(mode="after")
    def _names_somebody(self) -> "MuteWish":
        others = [one for one in (self.agent, self.group, self.rule) if one is not None]
        if sum((self.everything, self.incident is not None, bool(others))) != 1:
            raise ValueError("say whom: an incident, or an agent, group or rule, or everything")
        if self.subject is not None and self.rule is None:
            raise ValueError("a subject belongs to a rule: give the rule, too")
        return self

    @model_validator(mode="after")
    def _names_its_time(self) -> "MuteWish":
        if self.for_seconds is not None and (self.ends or self.starts or self.weekly):
            raise ValueError("give for_seconds alone, or starts and ends, or weekly")
        if self.weekly is None and self.for_seconds is None and self.ends is None:
            raise ValueError("say until when: for_seconds, ends or weekly; nothing is muted for ever")
        if self.weekly is not None:
            _check_timezone(self.weekly.timezone)
        return self


def mute_of(wish: MuteWish, connection: Connection, author: str, now_ms: int) -> Mute:
    """Raises a 404, 409 or 422 problem."""
    if wish.incident is not None and get_incident(connection, wish.incident) is None:
        raise not_found(f"incident {wish.incident}", "/api/v1/incidents lists those there are.")
    starts_ms, ends_ms = _stretch(wish, now_ms)
    return Mute(
        mute_no=0,
        reason=wish.reason,
        author=author,
        created_ms=now_ms,
        starts_ms=starts_ms,
        ends_ms=ends_ms,
        number=wish.incident,
        agent_id=None if wish.agent is None else find_agent(connection, wish.agent).agent_id,
        rule=wish.rule,
        subject=wish.subject,
        group_name=wish.group,
        weekly=None if wish.weekly is None else weekly_of(wish.weekly),
    )


def _stretch(wish: MuteWish, now_ms: int) -> tuple[int, int | None]:
    starts_ms = now_ms if wish.starts is None else to_ms(wish.starts)
    if wish.for_seconds is not None:
        return now_ms, now_ms + round(wish.for_seconds * 1000)
    ends_ms = None if wish.ends is None else to_ms(wish.ends)
    if starts_ms > now_ms + FURTHEST_START_MS:
        raise invalid("starts: it is more than a year ahead. Give a time nearer to now.")
    if ends_ms is not None and ends_ms <= max(now_ms, starts_ms):
        raise invalid("ends: it is over before it begins. Give a time after now and after starts.")
    is_unbroken = wish.weekly is None or not leaves_a_gap(weekly_of(wish.weekly))
    if is_unbroken and ends_ms is None:
        raise invalid(
            "weekly.minutes: the windows leave no gap, and nothing is muted for ever. Make them shorter, or give ends."
        )
    if is_unbroken and ends_ms is not None and ends_ms - starts_ms > LONGEST_MUTE_SECONDS * 1000:
        raise invalid("ends: nothing is muted for more than 30 days. Give an earlier time, and mute it again then.")
    return starts_ms, ends_ms


def _check_timezone(name: str) -> None:
    try:
        if name in OF_THE_MACHINE:
            raise LookupError
        ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise ValueError(f"timezone {name!r} is not known: give one like Europe/Paris") from None
