"""Waits grow to a cap and are drawn from the whole range."""

from agent.backoff import Backoff


def test_bounds_double_up_to_thirty_seconds_and_start_again_after_a_success() -> None:
    drawn: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        drawn.append((low, high))
        return high

    backoff = Backoff(uniform)
    assert [backoff.next_seconds() for _ in range(8)] == [1, 2, 4, 8, 16, 30, 30, 30]
    assert {low for low, _ in drawn} == {0.0}
    backoff.reset()
    assert backoff.next_seconds() == 1


def test_a_thousand_failures_are_no_overflow() -> None:
    backoff = Backoff(lambda _low, high: high)
    assert [backoff.next_seconds() for _ in range(2000)][-1] == 30
