"""Times as programs and people read them, and what is not there."""

from hypothesis import given
from hypothesis import strategies as st

from helpdesk_api.times import LAST_MS, moment, rfc3339, to_ms
from helpdesk_api.words import clock, percent


def test_what_is_missing_is_said_and_never_looks_like_zero() -> None:
    assert percent(None) == "not reported"


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
