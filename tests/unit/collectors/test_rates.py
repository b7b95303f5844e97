from hypothesis import given
from hypothesis import strategies as st

from agent.collectors.rates import SHORTEST_SECONDS, Rates

counts = st.integers(min_value=0, max_value=2**40).map(float)
steps = st.lists(
    st.tuples(st.floats(min_value=SHORTEST_SECONDS, max_value=1e5), st.integers(min_value=0, max_value=2**32)),
    min_size=1,
    max_size=20,
)


def test_the_first_sample_gives_no_rate() -> None:
    assert Rates().per_second({"sda": (100.0,)}, 10.0) == {}


def test_a_rate_is_growth_over_the_time_that_really_passed() -> None:
    rates = Rates()
    rates.per_second({"sda": (100.0, 7.0)}, 10.0)
    assert rates.per_second({"sda": (400.0, 7.0)}, 40.0) == {"sda": (10.0, 0.0)}


def test_a_new_device_gets_its_first_rate_at_its_second_sample() -> None:
    rates = Rates()
    rates.per_second({"sda": (0.0,)}, 10.0)
    assert rates.per_second({"sda": (5.0,), "usb": (900.0,)}, 15.0) == {"sda": (1.0,)}
    assert rates.per_second({"sda": (5.0,), "usb": (905.0,)}, 20.0) == {"sda": (0.0,), "usb": (1.0,)}


def test_a_device_that_was_away_counts_as_new() -> None:
    rates = Rates()
    rates.per_second({"usb": (900.0,)}, 10.0)
    rates.per_second({}, 15.0)
    assert rates.per_second({"usb": (905.0,)}, 20.0) == {}


def test_a_reset_of_one_counter_silences_its_device_once_and_no_other() -> None:
    rates = Rates()
    rates.per_second({"eth0": (1000.0, 50.0), "eth1": (10.0, 10.0)}, 10.0)
    assert rates.per_second({"eth0": (2000.0, 3.0), "eth1": (15.0, 10.0)}, 15.0) == {"eth1": (1.0, 0.0)}
    assert rates.per_second({"eth0": (2005.0, 3.0), "eth1": (15.0, 10.0)}, 20.0)["eth0"] == (1.0, 0.0)


def test_a_clock_that_stands_still_repeats_the_last_rates_and_loses_no_growth() -> None:
    rates = Rates()
    rates.per_second({"sda": (0.0,), "usb": (0.0,)}, 10.0)
    last = rates.per_second({"sda": (10.0,), "usb": (0.0,)}, 20.0)
    assert last["sda"] == (1.0,)
    assert rates.per_second({"sda": (500.0,)}, 20.0) == {"sda": (1.0,)}
    assert rates.per_second({"sda": (30.0,)}, 30.0) == {"sda": (2.0,)}


def test_a_clock_that_went_back_starts_anew() -> None:
    rates = Rates()
    rates.per_second({"sda": (0.0,)}, 100.0)
    assert rates.per_second({"sda": (10.0,)}, 50.0) == {}
    assert rates.per_second({"sda": (20.0,)}, 60.0) == {"sda": (1.0,)}


@given(start=counts, steps=steps)
def test_rates_times_elapsed_add_up_to_all_growth(start: float, steps: list[tuple[float, int]]) -> None:
    rates, now, value, total = Rates(), 0.0, start, 0.0
    rates.per_second({"d": (start,)}, now)
    for elapsed, growth in steps:
        before, now, value = now, now + elapsed, value + growth
        if now - before >= SHORTEST_SECONDS:
            total += rates.per_second({"d": (value,)}, now)["d"][0] * (now - before)
        else:
            value -= growth
    assert abs(total - (value - start)) <= 1e-6 * max(1.0, value)


@given(samples=st.lists(st.tuples(st.floats(min_value=-10, max_value=1e4), counts, counts), min_size=2, max_size=30))
def test_no_rate_is_ever_negative_or_more_than_all_growth_allows(samples: list[tuple[float, float, float]]) -> None:
    rates, now, highest = Rates(), 0.0, 0.0
    for elapsed, one, other in samples:
        now += elapsed
        highest = max(highest, one, other)
        for rate in rates.per_second({"d": (one, other)}, now).values():
            assert all(0 <= value <= highest / SHORTEST_SECONDS for value in rate)
