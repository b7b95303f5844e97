"""What the page of mutes and downtimes shows: whom each covers, until when, why, who said so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from console.quantities import span
from helpdesk_api.answers.mutes import MuteState, state_of
from helpdesk_api.muting import until_words
from store.mute_windows import current_window
from store.response import Mute, Weekly

ENDED_STAY_MS = 7 * 86_400_000
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True, slots=True)
class Covered:
    """One part of what a mute covers; all parts must fit. `href` is empty where no page stands behind it."""

    word: str
    name: str
    href: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MuteRow:
    mute_no: int
    state: MuteState
    covered: Sequence[Covered]
    when: str
    reason: str
    author: str
    created_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MutesView:
    """The newest first; `ended` are those of the last days, the newest end first."""

    in_force: Sequence[MuteRow]
    waiting: Sequence[MuteRow]
    ended: Sequence[MuteRow]


def mutes_view(mutes: Sequence[Mute], host_names: Mapping[str, str | None], now_ms: int) -> MutesView:
    """`mutes` are all that may be shown, in the order of the view; `host_names` is by agent id."""
    rows = [mute_row(mute, host_names, now_ms) for mute in mutes if now_ms - _ended_ms(mute, now_ms) <= ENDED_STAY_MS]
    return MutesView(
        in_force=[row for row in rows if row.state == "in force"],
        waiting=[row for row in rows if row.state == "waiting"],
        ended=[row for row in rows if row.state in ("lifted", "over")],
    )


def mute_row(mute: Mute, host_names: Mapping[str, str | None], now_ms: int) -> MuteRow:
    return MuteRow(
        mute_no=mute.mute_no,
        state=state_of(mute, now_ms),
        covered=_covered(mute, host_names),
        when=when_words(mute, now_ms),
        reason=mute.reason,
        author=mute.author,
        created_ms=mute.created_ms,
    )


def when_words(mute: Mute, now_ms: int) -> str:
    """Until when while it is in force, from when before that, and when it ended after that."""
    if mute.lifted_ms is not None:
        return f"lifted {until_words(mute.lifted_ms, now_ms)}"
    again = "" if mute.weekly is None else weekly_words(mute.weekly)
    window = current_window(mute, now_ms)
    if window is not None and window.end_ms is not None:
        left = f"until {until_words(window.end_ms, now_ms)}, {span((window.end_ms - now_ms) / 1000)} left"
        return f"{left}; {again}" if again else left
    if mute.ends_ms is not None and mute.ends_ms <= now_ms:
        return f"over since {until_words(mute.ends_ms, now_ms)}"
    first = f"from {until_words(mute.starts_ms, now_ms)}" if mute.starts_ms > now_ms else ""
    last = "" if mute.ends_ms is None else f"until {until_words(mute.ends_ms, now_ms)}"
    return ", ".join(filter(None, (again, first, last)))


def weekly_words(weekly: Weekly) -> str:
    """Like: each Fri, Sat at 22:00 for 8 h (Europe/Paris)."""
    days = (
        "day" if len(set(weekly.weekdays)) == len(_WEEKDAYS) else ", ".join(_WEEKDAYS[day] for day in weekly.weekdays)
    )
    hours, minutes = divmod(weekly.minutes, 60)
    long = f"{weekly.minutes} min" if minutes else f"{hours} h"
    return f"each {days} at {weekly.starts} for {long} ({weekly.timezone})"


def _covered(mute: Mute, host_names: Mapping[str, str | None]) -> Sequence[Covered]:
    if mute.number is not None:
        return (Covered("incident", f"i/{mute.number}", f"/i/{mute.number}"),)
    host = () if mute.agent_id is None else (_host(mute.agent_id, host_names),)
    others = (("group", mute.group_name), ("rule", mute.rule), ("part", mute.subject))
    return (*host, *(Covered(word, name) for word, name in others if name)) or (Covered("", "everything"),)


def _host(agent_id: str, host_names: Mapping[str, str | None]) -> Covered:
    return Covered("host", host_names.get(agent_id) or agent_id, f"/h/{agent_id}")


def _ended_ms(mute: Mute, now_ms: int) -> int:
    """When it ended, now while it has not."""
    ends = (end_ms for end_ms in (mute.lifted_ms, mute.ends_ms, now_ms) if end_ms is not None)
    return min(ends)
