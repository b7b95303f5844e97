"""Ranges are a set of numbers, whatever is put in and taken out."""

from hypothesis import given
from hypothesis import strategies as st

from agent.ranges import Ranges

spans = st.tuples(st.integers(0, 30), st.integers(0, 5)).map(lambda span: (span[0], span[0] + span[1]))


@given(st.lists(st.tuples(st.booleans(), spans), max_size=30), spans, st.integers(0, 40))
def test_it_holds_what_a_set_holds(steps: list[tuple[bool, tuple[int, int]]], span: tuple[int, int], at: int) -> None:
    ranges, expected = Ranges(), set[int]()
    for adds, (first, last) in steps:
        before = ranges.copy()
        if adds:
            ranges.add(first, last)
            expected |= set(range(first, last + 1))
        else:
            ranges.discard(first, last)
            expected -= set(range(first, last + 1))
        assert set(ranges) | set(before) >= set(ranges)
    assert list(ranges) == sorted(expected)
    assert len(ranges) == len(expected)
    assert [number in ranges for number in range(40)] == [number in expected for number in range(40)]
    assert ranges.first_from(at) == min((number for number in expected if number >= at), default=None)
    inside = [number for first, last in ranges.within(*span) for number in range(first, last + 1)]
    assert inside == sorted(expected & set(range(span[0], span[1] + 1)))
    assert all(
        last + 1 < first
        for (_, last), (first, _) in zip(list(ranges.ranges()), list(ranges.ranges())[1:], strict=False)
    )
