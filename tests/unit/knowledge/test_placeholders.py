"""Captured values in steps: safe in commands, defaults, and names where nothing was captured."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.catalogue import load_catalogue
from knowledge.model import Step
from knowledge.placeholders import fill_command, fill_step, fill_text, placeholder_names


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("df -h {mount}", "df -h /var"),
        ("df -h {mount=/}", "df -h /var"),
        ("nc {host=db-1} {port}", "nc db-1 PORT"),
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
    *_, word = shlex.split(fill_command("ls -- {path}", {"path": value}))
    assert word.removeprefix("./") == value.removeprefix("./")


@pytest.mark.parametrize("value", ["-delete", "--help", "-", "!", "(", ")", ","])
def test_no_value_is_an_option_of_the_command(value: str) -> None:
    assert shlex.split(fill_command("find {mount=/} -xdev", {"mount": value})) == ["find", f"./{value}", "-xdev"]


@pytest.mark.parametrize("value", ["-delete; $(id) '\"", "/my disk; id"])
def test_in_every_command_of_the_catalogue_a_value_stays_in_its_word(value: str) -> None:
    for template in (step.command for problem in load_catalogue().problems for step in problem.steps if step.command):
        values = dict.fromkeys(placeholder_names(template), value)
        if values:
            words = shlex.split(fill_command(template, values))
            assert not any(word.startswith("-delete") for word in words)
            assert any(word.endswith(value) for word in words), template
