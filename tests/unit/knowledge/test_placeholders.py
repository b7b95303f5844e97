"""Captured values in steps: safe in commands, defaults, and names where nothing was captured."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.model import Step
from knowledge.placeholders import fill_command, fill_step, fill_text, placeholder_names


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("df -h {mount}", "df -h /var"),
        ("df -h {mount=/}", "df -h /var"),
        ("nc {host=127.0.0.1} {port}", "nc 127.0.0.1 PORT"),
        ("awk '{print $1}'", "awk '{print $1}'"),
        ("docker ps --format '{{.Names}}'", "docker ps --format '{{.Names}}'"),
        ("${p}", "$P"),
    ],
)
def test_values_defaults_and_names(template: str, filled: str) -> None:
    assert fill_command(template, {"mount": "/var"}) == filled


def test_people_read_the_plain_value_and_shells_a_quoted_one() -> None:
    step = fill_step(Step("Look at {path}", "ls -- {path}"), {"path": "/a b"})
    assert step == Step("Look at /a b", "ls -- '/a b'")
    assert fill_step(Step("Look"), {}) == Step("Look", None)
    assert fill_text("{path}", {"path": "{path}"}) == "{path}"


def test_names_are_found() -> None:
    assert placeholder_names("{a} {b=/} {C} { d } {e") == {"a", "b"}


@given(st.text())
def test_any_value_stays_one_word_of_the_command(value: str) -> None:
    assert shlex.split(fill_command("ls -- {path}", {"path": value})) == ["ls", "--", value]
