"""One observation after the other: what the state machine makes of them."""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from health.machine import Patience, Reason, Standing, settled, step
from health.rule import Level, Threshold
from health.state import State, is_worse

STATES = [State.OK, State.WARNING, State.CRITICAL, State.UNKNOWN]
FINE = Standing(state=State.OK, since_ms=0, value=0.0)
TARGETS = st.lists(st.sampled_from(STATES), max_size=60)
PATIENCES = st.builds(
    Patience,
    attempts=st.integers(1, 4),
    hold_ms=st.sampled_from([0, 4_000, 10_000]),
    clear_attempts=st.integers(1, 4),
    clear_hold_ms=st.sampled_from([0, 4_000, 10_000]),
)
STEP_MS = 5_000


def walk(targets: Sequence[State], patience: Patience, standing: Standing = FINE) -> list[tuple[Standing, Reason]]:
    """The standing and the reason after each target, one each 5 s."""
    steps: list[tuple[Standing, Reason]] = []
    for place, target in enumerate(targets, start=1):
        steps.append(step(standing, target, float(place), place * STEP_MS, patience))
        standing = steps[-1][0]
    return steps


def reasons(targets: Sequence[State], patience: Patience) -> list[Reason]:
    return [reason for _, reason in walk(targets, patience)]


def test_worse_counts_after_so_many_attempts_and_better_after_its_own() -> None:
    patience = Patience(attempts=3, clear_attempts=2)
    assert reasons([State.CRITICAL] * 4 + [State.OK] * 3, patience) == [
        Reason.PENDING,
        Reason.PENDING,
        Reason.CONFIRMED,
        Reason.STEADY,
        Reason.PENDING,
        Reason.RECOVERED,
        Reason.STEADY,
    ]


def test_one_good_observation_dismisses_what_was_pending() -> None:
    steps = walk([State.CRITICAL, State.CRITICAL, State.OK, State.CRITICAL], Patience(attempts=3))
    assert [reason for _, reason in steps] == [Reason.PENDING, Reason.PENDING, Reason.DISMISSED, Reason.PENDING]
    assert steps[-1][0].attempt == 1


def test_attempts_and_hold_time_must_both_be_over() -> None:
    patience = Patience(attempts=2, hold_ms=20_000)
    states = [standing.state for standing, _ in walk([State.WARNING] * 5, patience)]
    assert states == [State.OK] * 4 + [State.WARNING]


def test_better_and_not_ok_is_eased() -> None:
    assert reasons([State.CRITICAL, State.WARNING, State.OK], Patience())[1:] == [Reason.EASED, Reason.RECOVERED]


@given(TARGETS, PATIENCES)
def test_no_state_comes_sooner_than_attempts_and_hold_time_allow(targets: list[State], patience: Patience) -> None:
    before = FINE
    for place, (standing, _) in enumerate(walk(targets, patience), start=1):
        if standing.state is not before.state:
            worse = is_worse(standing.state, before.state)
            attempts = patience.attempts if worse else patience.clear_attempts
            hold_ms = patience.hold_ms if worse else patience.clear_hold_ms
            needed = max(attempts, -(-hold_ms // STEP_MS) + 1)
            lately = targets[max(0, place - needed) : place]
            assert len(lately) == needed
            assert all(is_worse(seen, before.state) == worse and seen is not before.state for seen in lately)
            if worse:
                assert standing.state in lately
                assert not any(is_worse(standing.state, seen) for seen in lately)
            else:
                assert standing.state is lately[-1] or standing.state in targets
        before = standing


@given(TARGETS, PATIENCES)
def test_what_people_hear_follows_from_the_reasons_alone(targets: list[State], patience: Patience) -> None:
    before = FINE
    for standing, reason in walk(targets, patience):
        flaps, flapped = standing.flapping_since_ms is not None, before.flapping_since_ms is not None
        assert (reason is Reason.FLAPPING) == (flaps and not flapped)
        assert (reason is Reason.SETTLED) == (flapped and not flaps)
        if reason in (Reason.STEADY, Reason.PENDING, Reason.DISMISSED):
            assert standing.state is before.state
        if reason is Reason.RECOVERED:
            assert standing.state is State.OK
        assert (reason is Reason.PENDING) <= (standing.pending is not None)
        assert (standing.pending is None) == (standing.pending_since_ms is None)
        assert 0 <= standing.history < 2**42
        before = standing


@given(TARGETS, PATIENCES)
def test_a_period_of_flapping_begins_once_and_ends_once(targets: list[State], patience: Patience) -> None:
    told = [reason for reason in reasons(targets, patience) if reason in (Reason.FLAPPING, Reason.SETTLED)]
    assert told[::2] == [Reason.FLAPPING] * len(told[::2])
    assert told[1::2] == [Reason.SETTLED] * len(told[1::2])


@given(TARGETS, PATIENCES, st.sampled_from(STATES))
def test_whatever_came_before_the_same_for_long_enough_counts_and_settles(
    targets: list[State], patience: Patience, last: State
) -> None:
    end = walk([*targets, *[last] * 30], patience)[-1][0]
    assert (end.state, end.pending, end.flapping_since_ms) == (last, None, None)


@given(TARGETS, PATIENCES)
def test_a_steady_check_is_not_even_made_anew(targets: list[State], patience: Patience) -> None:
    standing = walk([*targets, *[State.OK] * 40], patience)[-1][0]
    again, reason = step(standing, State.OK, 1.0, 10_000_000, patience)
    assert again is standing
    assert reason is Reason.STEADY
    assert standing.is_plain


@given(st.lists(st.sampled_from([State.OK, State.CRITICAL]), max_size=40))
def test_a_hold_time_hides_spikes_from_the_history(targets: list[State]) -> None:
    spiky = [state for target in targets for state in (target, State.OK)]
    assert all(standing.history == 0 for standing, _ in walk(spiky, Patience(hold_ms=60_000)))


def test_the_mildest_of_what_was_pending_decides() -> None:
    patience = Patience(hold_ms=10_000)
    assert walk([State.WARNING, State.WARNING, State.CRITICAL], patience)[-1][0].state is State.WARNING


def test_a_clock_set_back_starts_the_wait_anew() -> None:
    patience = Patience(hold_ms=10_000)
    pending, _ = step(FINE, State.CRITICAL, 1.0, 100_000, patience)
    again, reason = step(pending, State.CRITICAL, 1.0, 50_000, patience)
    assert (again.pending_since_ms, again.attempt, reason) == (50_000, 1, Reason.PENDING)


def test_after_a_silence_nothing_is_pending() -> None:
    pending, _ = step(FINE, State.CRITICAL, 1.0, 100_000, Patience(attempts=2))
    assert settled(pending) == replace(FINE, value=1.0, history=pending.history)
    assert settled(FINE) is FINE


@given(st.lists(st.floats(0, 100), min_size=1, max_size=60), st.sampled_from([1, -1]))
def test_a_value_between_clear_level_and_limit_moves_nothing(values: list[float], sign: int) -> None:
    threshold = Threshold(
        rule_id="r",
        metric="m",
        levels={
            State.WARNING: Level(limit=50 + sign * 10, clear=50 + sign * 5),
            State.CRITICAL: Level(limit=50 + sign * 30, clear=50 + sign * 25),
        },
        patience=Patience(),
        title="t",
        sentence="s",
        sign=sign,
    )
    standing = FINE
    for place, value in enumerate(values):
        target = threshold.target(standing.state, value)
        mirrored = 50 + sign * (value - 50)
        if 55 <= mirrored <= 60 and standing.state is not State.CRITICAL:
            assert target is standing.state
        if mirrored > 80:
            assert target is State.CRITICAL
        if mirrored < 55:
            assert target is State.OK
        standing, _ = step(standing, target, value, place * STEP_MS, threshold.patience)
