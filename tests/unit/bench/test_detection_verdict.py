"""The bench of detection judges its own figures."""

import pytest

from bench.detection_latency import LONGEST_MEDIAN_SECONDS, WINDOW_SECONDS, verdict
from configuration.notifications import Route


@pytest.mark.parametrize(
    ("seconds", "word"),
    [([1.0, 5.4, 60.0], "MET"), ([1.0, LONGEST_MEDIAN_SECONDS, 6.0], "MISSED"), ([9.0], "MISSED")],
)
def test_the_median_is_met_below_the_interval_and_half_a_second(seconds: list[float], word: str) -> None:
    assert verdict(seconds).strip().startswith(f"{word}: ")
    assert "5.5 s" in verdict(seconds)


def test_the_route_of_the_bench_groups_as_routes_do_without_a_word() -> None:
    assert WINDOW_SECONDS == Route(channels=["sink"]).grouping_seconds > 0
