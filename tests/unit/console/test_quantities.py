"""Numbers and lengths of time as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.quantities import quantity, significant, size, span


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


@pytest.mark.parametrize("value", [10**400, -(10**400), float("inf")])
def test_no_number_is_too_large_for_a_size(value: float) -> None:
    assert size(value).removeprefix("-") == "1,048,576 PiB"


@given(st.floats(allow_nan=True, allow_infinity=True) | st.integers())
def test_any_number_can_be_told(value: float) -> None:
    assert significant(float(value))
    assert size(value)
