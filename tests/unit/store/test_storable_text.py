"""What no database takes as text becomes readable text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.text import storable


@given(st.text(st.characters(), max_size=50))
def test_the_outcome_has_neither_nul_nor_half_a_surrogate_pair(text: str) -> None:
    assert "\x00" not in storable(text).encode("utf-8").decode("utf-8")


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=50))
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert storable(text) == text


@pytest.mark.parametrize(("text", "kept"), [("a\x00b", "a\\x00b"), ("\udc80", "\\udc80"), ("é\ud800", "é\\ud800")])
def test_what_is_not_storable_is_written_as_its_escape(text: str, kept: str) -> None:
    assert storable(text) == kept
