"""Snapshots are packed without loss, on any machine alike."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from store.packing import (
    PackedReadings,
    Remembered,
    layout_of,
    names_of,
    number_at,
    pack_numbers,
    packed,
    unpack_numbers,
)


@given(st.lists(st.floats(), max_size=50))
def test_any_doubles_come_back_bit_by_bit(numbers: list[float]) -> None:
    packed = pack_numbers(numbers)
    bits = [struct.pack("d", number) for number in numbers]
    assert [struct.pack("d", number) for number in unpack_numbers(packed)] == bits
    assert [struct.pack("d", number_at(packed, place)) for place in range(len(numbers))] == bits


def test_numbers_are_packed_little_endian_on_every_machine() -> None:
    assert pack_numbers([1.0, -2.0]) == bytes.fromhex("000000000000f03f00000000000000c0")


@given(st.dictionaries(st.text(st.characters()), st.floats(allow_nan=False), max_size=20))
def test_packed_readings_are_read_as_a_mapping(readings: dict[str, float]) -> None:
    found = PackedReadings(readings)
    assert (list(found), list(found.values()), list(found.items())) == (
        list(readings),
        list(readings.values()),
        list(readings.items()),
    )
    assert found == readings
    assert "\ud800 is no name" not in found
    assert packed(found) is found


@given(st.lists(st.text(st.characters()), max_size=20).map(tuple))
def test_any_names_come_back_in_their_order(names: tuple[str, ...]) -> None:
    layout = layout_of(names)
    assert names_of(layout.packed) == names
    assert len(layout.sha256) == 32


def test_layouts_differ_by_order_and_by_where_a_name_ends() -> None:
    layouts = [("a", "b"), ("b", "a"), ("ab",), ("a,b",), ('a","b',), ("a", "b", ""), ()]
    assert len({layout_of(names).sha256 for names in layouts}) == len(layouts)


def test_what_is_remembered_is_bounded_by_its_size_and_the_last_used_stay() -> None:
    made: list[str] = []

    def make(key: str) -> str:
        made.append(key)
        return key * 10

    remembered = Remembered(make, len, most_bytes=100)
    for key in ["a" * 1, "b", "c", "a", *"defghij"]:
        assert remembered(key) == key * 10
    assert (made, remembered.used_bytes) == (list("abcdefghij"), 100)
    remembered("k")
    assert [key for key in "ab" if remembered(key) and made[-1] == key] == ["b"]  # the one not used for longest went
    remembered("giant")
    assert remembered("giant") == "giant" * 10
    assert (made[-2:], remembered.used_bytes) == (["giant", "giant"], 100)


def test_a_layout_of_ordinary_size_is_made_once_and_a_giant_is_not_kept() -> None:
    names = [f"disk.usage_percent{{mount={number}}}" for number in range(240)]
    assert layout_of(tuple(names)) is layout_of(tuple(names))
    before = layout_of.used_bytes
    assert layout_of(tuple(f"name {number}" for number in range(100_000))).names[-1] == "name 99999"
    assert layout_of.used_bytes == before
