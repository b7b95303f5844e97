"""Performance data: what plugins print becomes readings, and no text stops anybody."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.performance_data import (
    LONGEST_LABEL,
    MOST_READINGS,
    Measured,
    parse_performance_data,
    readings,
    split_output,
)
from rabbitmq.readings import parse_reading_name
from rabbitmq.records import LONGEST_NAME


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("time=0.012s;1;2;0;10", [("time", "s", 0.012)]),
        ("load1=0.08;50;90;0; load5=0.78;50;90;0;", [("load1", "", 0.08), ("load5", "", 0.78)]),
        ("'free space'=12MB 'it''s'=3%", [("free space", "MB", 12.0), ("it's", "%", 3.0)]),
        ("'a=b'=1c", [("a=b", "c", 1.0)]),
        ("a=-1.5e3 b=.5 c=7.", [("a", "", -1500.0), ("b", "", 0.5), ("c", "", 7.0)]),
        ("a=1\nb=2\n\n  c=3", [("a", "", 1.0), ("b", "", 2.0), ("c", "", 3.0)]),
        ("bad worse= =1 ''=2 'x' =3 good=4", [("good", "", 4.0)]),
        ("unknown=U;1;2 huge=1e999 nan=nan a=1", [("a", "", 1.0)]),
        ("comma=1,5 dots=1.2.3 twice=1=2 range=1:2 a=1", [("a", "", 1.0)]),
        ("'never closed=1 a=2", []),
        ("procs=84;1:1000;;0;", [("procs", "", 84.0)]),
        ("", []),
    ],
)
def test_what_plugins_write_is_understood(text: str, expected: list[tuple[str, str, float]]) -> None:
    assert parse_performance_data(text) == tuple(Measured(*each) for each in expected)


@pytest.mark.parametrize(
    ("text", "words", "data"),
    [
        ("OK - fine | a=1\n", "OK - fine", "a=1"),
        ("OK\nmore\nstill more | b=2\nc=3", "OK\nmore\nstill more", "b=2\nc=3"),
        ("OK | a=1\nmore | b=2\nc=3 | d=4", "OK\nmore", "a=1\n b=2\nc=3 | d=4"),
        ("|a=1", "", "a=1"),
        ("", "", ""),
    ],
)
def test_text_and_data_are_told_apart(text: str, words: str, data: str) -> None:
    assert split_output(text) == (words, data)


@pytest.mark.parametrize(
    ("unit", "metric", "value"),
    [
        ("s", "check.seconds", 2.0),
        ("ms", "check.seconds", 0.002),
        ("us", "check.seconds", 0.000002),
        ("%", "check.percent", 2.0),
        ("c", "check.count", 2.0),
        ("B", "check.bytes", 2.0),
        ("KB", "check.bytes", 2048.0),
        ("kB", "check.bytes", 2048.0),
        ("MiB", "check.bytes", 2.0 * 1024**2),
        ("TB", "check.bytes", 2.0 * 1024**4),
        ("", "check.value", 2.0),
        ("W", "check.value", 2.0),
    ],
)
def test_the_unit_decides_on_the_metric(unit: str, metric: str, value: float) -> None:
    found = readings("disk /", [Measured("size", unit, 2.0)])
    assert found == {f'{metric}{{check="disk /",label="size"}}': pytest.approx(value)}


def test_readings_are_bounded_in_number_and_length() -> None:
    many = parse_performance_data(" ".join(f"l{number}=1" for number in range(MOST_READINGS + 50)))
    assert len(readings("many", many)) == len(many) == MOST_READINGS
    (name,) = readings("x" * 64, [Measured("y" * 1000, "", 1.0), Measured('"' * 1000, "", 1.0)])
    assert parse_reading_name(name)[1]["label"] == "y" * LONGEST_LABEL


def test_of_two_numbers_with_one_name_the_first_counts() -> None:
    assert list(readings("a", parse_performance_data("x=1 x=2")).values()) == [1.0]


@given(st.text(alphabet=st.one_of(st.sampled_from("'=;| \n1.eE-+%sBUKM"), st.characters())))
def test_no_text_raises_and_every_reading_can_travel(text: str) -> None:
    _, data = split_output(text)
    for source in (text, data):
        measured = parse_performance_data(source)
        for name, value in readings("a check", measured).items():
            assert math.isfinite(value)
            assert len(name) <= LONGEST_NAME
            metric, labels = parse_reading_name(name)
            assert metric.startswith("check.")
            assert labels["check"] == "a check"


LABELS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40).filter(lambda label: label.strip())
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.tuples(LABELS, NUMBERS, st.sampled_from(["", "s", "%", "MB", "c"])), max_size=20))
def test_what_is_written_by_the_rule_is_read_as_it_was(written: list[tuple[str, float, str]]) -> None:
    text = " ".join(
        "'{}'={!r}{};1;2;0;9".format(label.replace("'", "''"), value, unit) for label, value, unit in written
    )
    expected = tuple(Measured(label.strip(), unit, value) for label, value, unit in written)
    assert parse_performance_data(text) == expected


@pytest.mark.parametrize("piece", ["'", "''", "'a ''b ", "a=", "='", "' ", "1e", "x=1" + "0" * 50])
def test_a_long_hostile_text_costs_time_in_proportion(piece: str) -> None:
    """With work that grows as the square, the larger one would take hours."""
    text = piece * (4_000_000 // len(piece))
    assert len(parse_performance_data(text)) <= MOST_READINGS


def test_a_label_is_text_that_a_record_can_hold() -> None:
    assert list(readings("web", parse_performance_data("'a\0b'=1 c\x1bd=2"))) == [
        'check.value{check="web",label="ab"}',
        'check.value{check="web",label="cd"}',
    ]
