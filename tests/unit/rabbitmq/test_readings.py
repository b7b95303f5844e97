"""Names of readings survive any label value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rabbitmq.readings import parse_reading_name, reading_name

LABEL_NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)


@given(st.dictionaries(LABEL_NAMES, st.text(max_size=20), max_size=3))
def test_a_name_parses_back_to_its_labels(labels: dict[str, str]) -> None:
    assert parse_reading_name(reading_name("disk.usage_percent", **labels)) == ("disk.usage_percent", labels)


def test_labels_are_sorted_so_that_equal_things_have_equal_names() -> None:
    assert reading_name("a", y="1", x="2") == reading_name("a", x="2", y="1") == 'a{x="2",y="1"}'


@pytest.mark.parametrize("name", ['a{x="1"', "a{x=1}", 'a{x="1" y="2"}', 'a{X="1"}', 'a{x="\n"}'])
def test_a_malformed_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="reading"):
        parse_reading_name(name)
