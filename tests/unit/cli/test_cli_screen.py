"""What is shown is safe and fits: escapes, width, colours, ASCII."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.screen import Screen
from cli.text import columns, escaped, shortened, wrapped
from console.text import escape
from tests.unit.cli.desk_stub import HEALTHY, HOST, INCIDENT, User, listed

EVIL = "\x1b]0;owned\x07\x9b2J\u202eevil\r\nok  all hosts\t\x7f\udc80"
FORGED = {**HOST, "host_name": EVIL, "sentence": EVIL, "version": EVIL, "url": EVIL}
BY_A_HOST = {"GET /agents": listed(FORGED), "GET /incidents": listed({**INCIDENT, "sentence": EVIL, "host_name": EVIL})}
CALM = {"GET /agents": listed(HEALTHY, HOST), "GET /incidents": listed(INCIDENT)}


def controls(text: str) -> set[str]:
    return {sign for sign in text if not sign.isprintable() and sign != "\n"}


@pytest.mark.parametrize("arguments", [("status",), ("incidents",)])
def test_a_host_cannot_write_to_the_terminal_or_forge_a_line(user: User, arguments: tuple[str, ...]) -> None:
    seen = user.calls(*arguments, answers=BY_A_HOST)
    assert seen.code == 0
    assert controls(seen.out) == set()
    assert "\\x1b]0;owned" in seen.out
    assert not any(line.startswith("ok  all hosts") for line in seen.lines)
    plain = user.calls(*arguments, "--plain", answers=BY_A_HOST)
    assert controls(plain.out) == {"\t"}
    assert len(plain.lines) == 1
    as_json = user.calls(*arguments, "--json", answers=BY_A_HOST)
    assert controls(as_json.out) == set()
    [first] = json.loads(as_json.out)["incidents"]
    assert first["sentence"] == EVIL


def test_only_a_commands_lines_stay_lines() -> None:
    assert escaped({"command": "a\n\tb", "text": "a\nb", "steps": [{"command": "c\nd\x1b"}]}) == {
        "command": "a\n\\tb",
        "text": "a\\nb",
        "steps": [{"command": "c\nd\\x1b"}],
    }


@given(st.text())
def test_escaped_text_is_printable_and_printable_text_stays(text: str) -> None:
    shown = escape(text)
    assert shown.isprintable()
    assert shown == text or not text.isprintable()


@pytest.mark.parametrize("width", ["100", "80", "60", "59", "40"])
def test_no_line_is_wider_than_the_terminal_or_80_columns(
    user: User, width: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    long = {**HOST, "host_name": "very-long-" * 9, "sentence": "\u78c1\u76d8\u5df2\u6ee1" * 30}
    seen = user.calls("status", answers={"GET /agents": listed(long, HEALTHY), "GET /incidents": listed(INCIDENT)})
    assert max(columns(line) for line in seen.lines) <= min(80, int(width))


def test_a_narrow_terminal_gets_a_value_per_line(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "59")
    seen = user.calls("status", answers=CALM)
    assert {"state: CRITICAL", "host: web-3", "seen: 2 s ago", "state: ok"} <= set(seen.lines)


@given(st.text(min_size=1, max_size=80), st.integers(8, 80))
def test_wrapping_keeps_every_sign_and_the_width(text: str, width: int) -> None:
    text = escape(text)
    lines = wrapped(text, width, "  ")
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(columns(line) <= width for line in lines)
    assert columns(shortened(text, width)) <= width


def test_colour_is_on_the_state_word_only_and_carries_nothing_alone(user: User) -> None:
    coloured = user.calls("--color", "always", "status", answers=CALM)
    assert "\x1b[1;31mCRITICAL\x1b[0m" in coloured.out
    assert "\x1b[32mok\x1b[0m" in coloured.out
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured.out) == user.calls("--color", "never", "status", answers=CALM).out


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        ((), {}, False),  # not a terminal
        ((), {"FORCE_COLOR": "1"}, True),
        ((), {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (("--color", "always"), {"NO_COLOR": "1"}, True),
        (("--color", "never"), {"FORCE_COLOR": "1"}, False),
    ],
)
def test_who_decides_about_colour(
    user: User, arguments: tuple[str, ...], environment: dict[str, str], expected: bool
) -> None:
    user.environment |= environment
    assert ("\x1b[" in user.calls(*arguments, "status", answers=CALM).out) is expected


def test_machine_forms_have_no_colour(user: User) -> None:
    for form in ("--json", "--plain"):
        assert "\x1b" not in user.calls("--color", "always", "status", form, answers=CALM).out


@pytest.mark.parametrize("environment", [{}, {"LANG": "C"}, {"LANG": "en_US.UTF-8", "LC_ALL": "POSIX"}])
def test_without_a_utf8_locale_all_is_ascii(user: User, environment: dict[str, str]) -> None:
    answers = {"GET /agents": listed({**HEALTHY, "host_name": "caf\u00e9"}), "GET /incidents": listed()}
    assert "caf\u00e9" in user.calls("status", answers=answers).out
    user.environment = environment
    seen = user.calls("status", answers=answers)
    assert seen.out.isascii()
    assert "caf\\xe9" in seen.out


def test_an_unknown_state_is_shown_as_it_is() -> None:
    assert Screen().state("haunted") == "HAUNTED"
