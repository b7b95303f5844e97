"""Waits grow to a cap and are drawn from the whole range."""

from agent.backoff import Backoff


def test_bounds_double_up_to_the_cap_and_start_again_after_a_success() -> None:
    drawn: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        drawn.append((low, high))
        return high

    backoff = Backoff(60, uniform)
    assert [backoff.next_seconds() for _ in range(9)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert {low for low, _ in drawn} == {0.0}
    backoff.reset()
    assert backoff.next_seconds() == 1


def test_a_cap_below_the_first_wait_holds_at_once() -> None:
    assert Backoff(0.5, lambda _low, high: high).next_seconds() == 0.5


def test_a_thousand_failures_are_no_overflow() -> None:
    backoff = Backoff(300, lambda _low, high: high)
    assert [backoff.next_seconds() for _ in range(2000)][-1] == 300
