"""When a mute is in force, over midnight and over summer time, and whom it covers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from store.model import HUB, CheckKey
from store.mute_windows import Window, covers, covers_host, current_window, is_in_force, leaves_a_gap
from store.response import Mute, Weekly

KEY = CheckKey("web-1", "disk-usage", 'mount="/"')
SUNDAY, MONDAY, SATURDAY = 6, 0, 5


def ms(text: str) -> int:
    """Of a time in UTC, like 2026-03-29T01:30."""
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def mute(**fields: Any) -> Mute:
    whole = Mute(mute_no=1, reason="new disks", author="ana", created_ms=0, starts_ms=100, ends_ms=200)
    return replace(whole, **fields)


def weekly(weekdays: list[int], starts: str, minutes: int, timezone: str = "Europe/Paris", **fields: Any) -> Mute:
    window = Weekly(weekdays=weekdays, starts=starts, minutes=minutes, timezone=timezone)
    return mute(starts_ms=0, ends_ms=None, weekly=window, **fields)


@pytest.mark.parametrize(("now_ms", "expected"), [(99, False), (100, True), (199, True), (200, False)])
def test_a_mute_is_in_force_from_its_start_to_before_its_end(now_ms: int, expected: bool) -> None:
    assert is_in_force(mute(), now_ms) is expected


def test_a_lifted_mute_is_over_from_then_on() -> None:
    assert is_in_force(mute(lifted_ms=151), 150)
    assert not is_in_force(mute(lifted_ms=150), 150)


def test_a_weekly_window_comes_back_on_its_days_alone() -> None:
    night = weekly([SATURDAY], "22:00", 8 * 60)
    assert is_in_force(night, ms("2026-11-21T21:00"))  # 22:00 in Paris
    assert is_in_force(night, ms("2026-11-22T04:59"))
    assert not is_in_force(night, ms("2026-11-22T05:00"))
    assert not is_in_force(night, ms("2026-11-21T20:59"))
    assert not is_in_force(night, ms("2026-11-22T21:30"))
    assert is_in_force(night, ms("2026-11-28T21:00"))
    assert current_window(night, ms("2026-11-22T01:00")) == Window(ms("2026-11-21T21:00"), ms("2026-11-22T05:00"))


def test_summer_time_moves_the_window_with_the_clock_on_the_wall() -> None:
    evening = weekly([SUNDAY], "20:00", 60)
    assert is_in_force(evening, ms("2026-03-22T19:00"))  # winter: UTC+1
    assert is_in_force(evening, ms("2026-03-29T18:00"))  # summer: UTC+2
    assert not is_in_force(evening, ms("2026-03-29T19:00"))


def test_a_start_that_summer_time_skips_is_as_much_later() -> None:
    skipped = weekly([SUNDAY], "02:30", 60)  # 2026-03-29: 02:00 becomes 03:00 in Paris, which is 01:00 UTC
    assert not is_in_force(skipped, ms("2026-03-29T01:29"))
    assert is_in_force(skipped, ms("2026-03-29T01:30"))
    assert is_in_force(skipped, ms("2026-03-29T02:29"))
    assert not is_in_force(skipped, ms("2026-03-29T02:30"))


def test_a_start_that_comes_twice_counts_the_first_time() -> None:
    twice = weekly([SUNDAY], "02:30", 30)  # 2026-10-25: 03:00 becomes 02:00 in Paris, which is 01:00 UTC
    assert is_in_force(twice, ms("2026-10-25T00:30"))
    assert not is_in_force(twice, ms("2026-10-25T01:30"))


def test_a_window_that_lasts_over_the_change_keeps_its_length() -> None:
    long = weekly([SUNDAY], "00:00", 180)
    window = current_window(long, ms("2026-10-25T00:00"))
    assert window == Window(ms("2026-10-24T22:00"), ms("2026-10-25T01:00"))


def test_windows_that_overlap_end_with_the_last() -> None:
    daily = weekly([SUNDAY, MONDAY], "12:00", 30 * 60, timezone="UTC")
    window = current_window(daily, ms("2026-11-23T13:00"))
    assert window == Window(ms("2026-11-22T12:00"), ms("2026-11-24T18:00"))


def test_weekly_windows_lie_within_the_mutes_own_time() -> None:
    night = weekly([SATURDAY], "22:00", 8 * 60, "UTC")
    ending = replace(night, ends_ms=ms("2026-11-21T23:00"))
    assert current_window(ending, ms("2026-11-21T22:30")) == Window(ms("2026-11-21T22:00"), ms("2026-11-21T23:00"))
    assert not is_in_force(ending, ms("2026-11-21T23:00"))
    assert not is_in_force(replace(night, starts_ms=ms("2026-11-21T22:31")), ms("2026-11-21T22:30"))


@pytest.mark.parametrize("zone", ["Nowhere/Land", "", "../etc/passwd", "/etc/passwd", "Europe", "x\x00"])
def test_a_time_zone_nobody_knows_mutes_nobody(zone: str) -> None:
    assert not is_in_force(weekly(list(range(7)), "00:00", 24 * 60, zone), ms("2026-11-21T12:00"))
    assert not is_in_force(weekly(list(range(7)), "25:00", 24 * 60), ms("2026-11-21T12:00"))


@given(
    weekdays=st.lists(st.integers(0, 6), min_size=1, max_size=7, unique=True),
    hour=st.integers(0, 23),
    minutes=st.integers(1, 7 * 24 * 60),
    zone=st.sampled_from(["UTC", "Europe/Paris", "America/New_York", "Asia/Kathmandu", "Pacific/Apia"]),
    minute_of_year=st.integers(0, 365 * 24 * 60),
)
def test_a_window_found_holds_the_moment_and_stays_until_its_end(
    weekdays: list[int], hour: int, minutes: int, zone: str, minute_of_year: int
) -> None:
    found = weekly(weekdays, f"{hour:02}:00", minutes, zone)
    now_ms = ms("2026-01-01T00:00") + minute_of_year * 60_000
    window = current_window(found, now_ms)
    if window is None:
        assert len(weekdays) < 7 or minutes < timedelta(hours=25).total_seconds() / 60
        return
    assert window.end_ms is not None
    assert window.start_ms <= now_ms < window.end_ms
    assert is_in_force(found, window.end_ms - 1)


@example(weekdays=[0], hour=0, days=6, minutes=24 * 60)
@example(weekdays=[0], hour=0, days=6, minutes=24 * 60 - 1)
@example(weekdays=list(range(7)), hour=9, days=0, minutes=24 * 60)
@given(
    weekdays=st.lists(st.integers(0, 6), min_size=1, max_size=7),
    hour=st.integers(0, 23),
    days=st.integers(0, 6),
    minutes=st.sampled_from([1, 700, 24 * 60 - 1, 24 * 60]),
)
def test_a_gap_is_left_when_some_hour_of_the_week_is_in_no_window(
    weekdays: list[int], hour: int, days: int, minutes: int
) -> None:
    found = weekly(weekdays, f"{hour:02}:00", days * 24 * 60 + minutes, "UTC")
    assert found.weekly is not None
    first_ms = ms("2026-06-01T00:00") - 60_000  # the minute before an hour is the last that is muted
    minute_before = [is_in_force(found, first_ms + hours * 3_600_000) for hours in range(7 * 24)]
    assert leaves_a_gap(found.weekly) is not all(minute_before)


def test_what_is_not_named_restricts_nothing() -> None:
    assert covers(mute(), KEY, "web", 142)
    assert covers(mute(), CheckKey(HUB, "flow", ""), "", 1)
    assert covers_host(mute(), "web-1", "")


@pytest.mark.parametrize(
    ("scope", "other"),
    [
        ({"number": 142}, {"number": 143}),
        ({"agent_id": "web-1"}, {"agent_id": "web-2"}),
        ({"group_name": "web"}, {"group_name": "db"}),
        ({"rule": "disk-usage"}, {"rule": "cpu"}),
        ({"rule": "disk-usage", "subject": 'mount="/"'}, {"rule": "disk-usage", "subject": 'mount="/var"'}),
    ],
)
def test_a_mute_covers_what_it_names_and_nothing_else(scope: dict[str, Any], other: dict[str, Any]) -> None:
    assert covers(mute(**scope), KEY, "web", 142)
    assert not covers(mute(**other), KEY, "web", 142)
    assert not covers(mute(**{**scope, "agent_id": "db-9"}), KEY, "web", 142)


def test_what_the_hub_says_of_a_group_is_muted_with_it() -> None:
    of_group = CheckKey(HUB, "fleet-cpu", 'group="web"')
    assert covers(mute(group_name="web"), of_group, "", 1)
    assert not covers(mute(group_name="db"), of_group, "", 1)
    assert not covers(mute(group_name="web"), CheckKey(HUB, "pipeline", ""), "", 1)
    assert not covers(mute(group_name="web"), CheckKey("gw-1", "tcp", 'group="web"'), "", 1)


def test_only_what_is_of_the_whole_host_mutes_the_host() -> None:
    assert covers_host(mute(agent_id="web-1"), "web-1", "web")
    assert covers_host(mute(group_name="web"), "web-1", "web")
    assert not covers_host(mute(group_name="db"), "web-1", "web")
    assert not covers_host(mute(agent_id="web-1", rule="cpu"), "web-1", "web")
    assert not covers_host(mute(number=142), "web-1", "web")
