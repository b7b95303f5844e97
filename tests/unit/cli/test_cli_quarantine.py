"""`healthmon quarantine`: what could not be taken in, why, what now; hostile bytes stay harmless."""

import json

import pytest

from tests.unit.cli.desk_stub import User, listed, problem

ENTRY = {
    "number": 12,
    "received": "2026-11-21T14:02:11Z",
    "sender": "web-3",
    "message_id": "web-3/1/2",
    "reason": "unknown-version",
    "detail": "message version 9, this program reads 1",
    "sha256": "ab" * 32,
    "size_bytes": 30,
    "body_kept": True,
    "redrivable": True,
    "redrive_requested": None,
    "redriven": None,
    "what": "The message is of a version that the processor does not read.",
    "why": "The agent is newer than the processor.",
    "now": "Upgrade the processor.",
    "url": "http://127.0.0.1:8000/quarantine/12",
}
HOSTILE = '{"a": "\x1b[2J\u202e"}\nsecond'
WHOLE = {
    **ENTRY,
    "headers": {"x-\x1b": "\x07"},
    "body": {"encoding": "text", "content": HOSTILE, "size_bytes": 30, "shown_bytes": 30, "complete": True},
}
REDRIVE = "POST /quarantine/redrive"


def test_the_list_says_how_many_and_what_now(user: User) -> None:
    seen = user.calls("quarantine", "list", answers={"GET /quarantine": listed(ENTRY)})
    assert seen.lines[0] == "1 message in quarantine"
    assert seen.lines[3].split()[:4] == ["12", "14:02:11", "web-3", "unknown-version"]
    assert "Upgrade the processor." in seen.out
    assert seen.lines[-1] == "Next: healthmon quarantine show 12"
    assert user.calls("quarantine", "list", answers={"GET /quarantine": listed()}).lines == [
        "Nothing is in quarantine."
    ]


def test_the_list_takes_filters_and_has_plain_and_json(user: User) -> None:
    answers = {"GET /quarantine": listed(ENTRY)}
    seen = user.calls("quarantine", "list", "--reason", "not-json", "--agent", "web-3", "--plain", answers=answers)
    assert dict(seen.asked[0].url.params) == {"reason": "not-json", "agent": "web-3", "limit": "500"}
    assert seen.lines[0].split("\t")[:5] == ["12", "2026-11-21T14:02:11Z", "web-3", "unknown-version", "30"]
    answer = json.loads(user.calls("quarantine", "list", "--json", answers=answers).out)
    assert answer == {"schema": "quarantine/1", "quarantine": [ENTRY]}


def test_hostile_bytes_are_shown_and_do_nothing(user: User) -> None:
    seen = user.calls("quarantine", "show", "12", answers={"GET /quarantine/12": WHOLE})
    assert "\x1b" not in seen.out
    assert "\x07" not in seen.out
    assert "\u202e" not in seen.out
    assert '  {"a": "\\x1b[2J\\u202e"}' in seen.lines
    assert "  second" in seen.lines
    assert "  What now: Upgrade the processor." in seen.lines
    assert seen.lines[-1] == "Next: healthmon quarantine redrive 12"


def test_no_redrive_is_proposed_where_it_cannot_help(user: User) -> None:
    seen = user.calls("quarantine", "show", "12", answers={"GET /quarantine/12": {**WHOLE, "redrivable": False}})
    assert seen.lines[-1] == "  second"


def test_nothing_that_fits_is_not_nothing_at_all(user: User) -> None:
    seen = user.calls("quarantine", "list", "--reason", "not-json", answers={"GET /quarantine": listed()})
    assert seen.lines == ["Nothing in quarantine fits.", "", "All: healthmon quarantine list"]


@pytest.mark.parametrize(
    ("arguments", "body"),
    [(("12", "13"), {"numbers": [12, 13]}), (("--reason", "not-json"), {"reason": "not-json"})],
)
def test_a_redrive_is_asked_by_numbers_or_by_reason(user: User, arguments: tuple[str, ...], body: object) -> None:
    seen = user.calls("quarantine", "redrive", *arguments, answers={REDRIVE: {"requested": 2}})
    assert json.loads(seen.asked[0].content) == body
    assert seen.lines[0].startswith("2 messages to be read again.")
    as_json = user.calls("quarantine", "redrive", *arguments, "--json", answers={REDRIVE: {"requested": 2}})
    assert json.loads(as_json.out) == {"schema": "redrive/1", "redrive": {"requested": 2}}


@pytest.mark.parametrize("arguments", [(), ("12", "--reason", "not-json"), ("0",), ("x",)])
def test_a_redrive_of_everything_or_of_nothing_is_a_usage_error(user: User, arguments: tuple[str, ...]) -> None:
    seen = user.calls("quarantine", "redrive", *arguments)
    assert (seen.code, seen.asked) == (64, [])


def test_a_redrive_that_fits_nothing_says_so(user: User) -> None:
    assert user.calls("quarantine", "redrive", "77", answers={REDRIVE: {"requested": 0}}).code == 1
    seen = user.calls("quarantine", "redrive", "77", answers={REDRIVE: problem(403, "This needs operator.")})
    assert seen.code == 77
