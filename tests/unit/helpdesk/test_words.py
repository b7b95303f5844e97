"""Numbers and times as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpdesk_api.times import LAST_MS, moment, rfc3339, to_ms
from helpdesk_api.words import clock, percent, quantity, significant, size, span


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3, "0 s"),
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3_599, "59 min"),
        (3_600, "1 h"),
        (86_400, "1 d"),
        (1e7, "115 d"),
    ],
)
def test_a_length_of_time_is_told_in_its_largest_unit(seconds: float, words: str) -> None:
    assert span(seconds) == words


@pytest.mark.parametrize(
    ("metric", "value", "words"),
    [
        ("cpu.usage_percent", 0, "0.0 %"),
        ("cpu.usage_percent", 96.449, "96.4 %"),
        ("memory.total_bytes", 16 * 2**30, "16.0 GiB"),
        ("memory.free_bytes", 0, "0 B"),
        ("network.receive_bytes_per_second", 1536, "1.50 KiB/s"),
        ("disk.reads_per_second", 12.34, "12.3 /s"),
        ("system.uptime_seconds", 86_400 * 3, "3 d"),
        ("disk.wait_seconds", 0.0042, "0.004 s"),
        ("load.1m", 1.5, "1.50"),
        ("processes.total", 12_345, "12,345"),
    ],
)
def test_a_reading_carries_the_unit_of_its_name(metric: str, value: float, words: str) -> None:
    assert quantity(metric, value) == words


def test_what_is_missing_is_said_and_never_looks_like_zero() -> None:
    assert percent(None) == "not reported"


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_any_number_can_be_told(value: float) -> None:
    assert significant(value)
    assert size(value)


@given(st.integers(min_value=0, max_value=LAST_MS))
def test_a_time_survives_being_written(at_ms: int) -> None:
    assert to_ms(moment(at_ms)) == at_ms
    assert rfc3339(at_ms).endswith("Z")


@given(st.integers(min_value=-(2**63), max_value=2**63 - 1))
def test_any_stored_time_can_be_told(at_ms: int) -> None:
    assert len(clock(at_ms)) == 8
    assert rfc3339(at_ms)


def test_times_are_rfc_3339_in_utc() -> None:
    assert rfc3339(1_800_000_000_000) == "2027-01-15T08:00:00Z"
    assert rfc3339(1_800_000_000_005) == "2027-01-15T08:00:00.005Z"
