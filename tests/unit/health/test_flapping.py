"""How often a state changed lately, and when that is too often."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from health.flapping import REMEMBERED, change_percent, changes, flaps, observed, states
from health.state import State

OBSERVED = st.lists(st.sampled_from([State.OK, State.WARNING, State.CRITICAL, State.UNKNOWN]), max_size=60)
LARGEST = 2**42


def history_of(seen: list[State]) -> int:
    history = 0
    for state in seen:
        history = observed(history, state)
    return history


@given(OBSERVED)
def test_a_history_is_the_last_21_states_and_fits_into_42_bits(seen: list[State]) -> None:
    history = history_of(seen)
    assert 0 <= history < LARGEST
    padded = [State.OK] * REMEMBERED + seen
    assert states(history) == padded[: -REMEMBERED - 1 : -1]


@given(OBSERVED)
def test_the_percentage_is_that_of_the_weighted_changes(seen: list[State]) -> None:
    newest_first = states(history_of(seen))
    weights = [1.2 - 0.4 * age / 19 for age in range(20)]
    expected = sum(
        weight
        for weight, state, before in zip(weights, newest_first, newest_first[1:], strict=False)
        if state != before
    )
    assert change_percent(history_of(seen)) == pytest.approx(100 * expected / 20)
    assert 0 <= change_percent(history_of(seen)) <= 100.0001
    assert changes(history_of(seen)) == sum(a != b for a, b in itertools.pairwise(newest_first))


@given(OBSERVED)
def test_whoever_begins_to_flap_would_also_go_on(seen: list[State]) -> None:
    history = history_of(seen)
    assert flaps(history, was_flapping=True) or not flaps(history, was_flapping=False)


def test_a_change_at_every_reading_is_all_that_can_be() -> None:
    assert change_percent(history_of([State.OK, State.CRITICAL] * 15)) == pytest.approx(100)
    assert change_percent(history_of([State.CRITICAL] * 30)) == 0


@pytest.mark.parametrize(("turns", "begins"), [(5, False), (6, True)])
def test_six_changes_one_after_the_other_are_too_many(turns: int, begins: bool) -> None:
    seen = [State.CRITICAL if turn % 2 == 0 else State.OK for turn in range(turns)]
    assert flaps(history_of(seen), was_flapping=False) is begins
