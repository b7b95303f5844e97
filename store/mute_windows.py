"""When a mute is in force, and whom it covers. Pure: the time is an argument.

A weekly window starts at its time of day in its own time zone and lasts its minutes, however clocks are set meanwhile.
A start that summer time skips is as much later; one that comes twice counts the first time only. A time zone that this
machine does not know opens no window: rather one notice too many than one too few.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from store.model import HUB, CheckKey
from store.response import Mute, Weekly

LONGEST_WINDOW_MINUTES = 7 * 24 * 60
_A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time in which a mute is in force; `end_ms` is the first moment after it, None: for ever."""

    start_ms: int
    end_ms: int | None


def is_in_force(mute: Mute, now_ms: int) -> bool:
    return current_window(mute, now_ms) is not None


def current_window(mute: Mute, now_ms: int) -> Window | None:
    """The window that `now_ms` lies in, None when the mute is not in force then."""
    if mute.lifted_ms is not None and mute.lifted_ms <= now_ms:
        return None
    if now_ms < mute.starts_ms or (mute.ends_ms is not None and now_ms >= mute.ends_ms):
        return None
    if mute.weekly is None:
        return Window(mute.starts_ms, mute.ends_ms)
    around = [window for window in _windows_before(mute.weekly, now_ms) if now_ms < (window.end_ms or 0)]
    if not around:
        return None
    end_ms = max(window.end_ms or 0 for window in around)
    return Window(around[0].start_ms, end_ms if mute.ends_ms is None else min(end_ms, mute.ends_ms))


def covers(mute: Mute, key: CheckKey, group_name: str, number: int) -> bool:
    """Whether the mute is of this check's incident `number`, whose agent is in that group ("": in none).

    What the hub says of a group is of that group, too.
    """
    if key.agent_id == HUB and key.subject == f'group="{mute.group_name}"':
        group_name = mute.group_name or ""
    return (
        (mute.number is None or mute.number == number)
        and _is_of(mute, key.agent_id, group_name)
        and (mute.rule is None or mute.rule == key.rule)
        and (mute.subject is None or mute.subject == key.subject)
    )


def covers_host(mute: Mute, agent_id: str, group_name: str) -> bool:
    """Whether the mute is of all that an agent has to tell, not of one of its checks or incidents."""
    is_whole = mute.number is None and mute.rule is None and mute.subject is None
    return is_whole and _is_of(mute, agent_id, group_name)


def leaves_a_gap(weekly: Weekly) -> bool:
    """Whether some time of the week is in no window."""
    days = sorted(set(weekly.weekdays))
    return any((later - day) * 24 * 60 > weekly.minutes for day, later in pairwise([*days, days[0] + 7]))


def _is_of(mute: Mute, agent_id: str, group_name: str) -> bool:
    return (mute.agent_id is None or mute.agent_id == agent_id) and (
        mute.group_name is None or mute.group_name == group_name
    )


def _windows_before(weekly: Weekly, now_ms: int) -> Iterator[Window]:
    """The windows that began at or before `now_ms` and may last until then, oldest first."""
    try:
        zone, starts = ZoneInfo(weekly.timezone), time.fromisoformat(weekly.starts)
    except (LookupError, ValueError, OSError):
        return
    today = datetime.fromtimestamp(now_ms / 1000, zone).date()
    days_back = min(weekly.minutes, LONGEST_WINDOW_MINUTES) // (24 * 60) + 1
    for day in (today - _A_DAY * back for back in range(days_back, -1, -1)):
        start_ms = _start_ms(day, starts, zone)
        if day.weekday() in weekly.weekdays and start_ms <= now_ms:
            yield Window(start_ms, start_ms + weekly.minutes * 60_000)


def _start_ms(day: date, starts: time, zone: ZoneInfo) -> int:
    return round(datetime.combine(day, starts, zone).timestamp() * 1000)
