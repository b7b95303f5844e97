"""Whatever fails while a run is taken down keeps nothing else up."""

import pytest

from faults.ending import take_down


def test_one_that_fails_keeps_none_of_the_others_and_all_failures_are_told() -> None:
    closed: list[int] = []

    def fail() -> None:
        raise OSError("busy")

    with pytest.raises(ExceptionGroup) as failures:
        take_down([lambda: closed.append(1), fail, lambda: closed.append(2), fail, lambda: closed.append(3)])
    assert closed == [1, 2, 3]
    assert [str(error) for error in failures.value.exceptions] == ["busy", "busy"]


def test_where_nothing_fails_nothing_is_raised() -> None:
    closed: list[int] = []
    take_down([lambda: closed.append(1)])
    assert closed == [1]
