"""The interval keeps its grid, whatever a collection takes."""

from hypothesis import given
from hypothesis import strategies as st

from agent.schedule import next_due


@given(
    due=st.integers(0, 10**6).map(float),
    interval=st.sampled_from([1.0, 5.0, 7.5, 300.0]),
    late=st.floats(0.0, 10_000.0),
)
def test_the_next_point_of_the_grid_is_ahead_and_the_nearest(due: float, interval: float, late: float) -> None:
    now = due + late
    following = next_due(due, interval, now)
    assert now < following <= now + interval
    assert (following - due) % interval == 0


def test_a_clock_that_stands_still_brings_no_second_collection_at_once() -> None:
    assert next_due(100.0, 5.0, 100.0) == 105.0
    assert next_due(100.0, 5.0, 99.0) == 105.0
