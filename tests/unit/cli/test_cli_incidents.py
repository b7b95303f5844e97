"""`healthmon incidents` and `healthmon show`: what is wrong, what to do, the permanent address."""

import json

import pytest

from tests.unit.cli.desk_stub import INCIDENT, NO_EVIDENCE, User, listed, problem, shown

WARNING = {**INCIDENT, "number": 100, "severity": "warning", "remedies": []}
CLOSED = {**INCIDENT, "number": 90, "closed": "2026-11-20T09:30:00Z", "opened": "2026-11-20T09:00:00Z"}
TIMELINE = [
    {"change": "opened", "time": "2026-11-21T14:02:11Z", "sentence": "disk / is 95.1 %, limit 95 %", "author": ""},
    {"change": "worsened", "time": "2026-11-21T14:10:00Z", "sentence": "disk / is 96.4 %, limit 95 %", "author": ""},
]
WHOLE = {**INCIDENT, "timeline": TIMELINE}


def test_the_most_urgent_comes_first_with_its_fix(user: User) -> None:
    seen = user.calls("incidents", answers={"GET /incidents": listed(WARNING, INCIDENT)})
    assert seen.code == 0
    assert seen.lines[0] == "2 open incidents, 1 CRITICAL"
    rows = [line for line in seen.lines if line.startswith("  i/")]
    assert [row.split()[:3] for row in rows] == [["i/142", "CRITICAL", "web-3"], ["i/100", "WARNING", "web-3"]]
    assert "14:02:11 (12 min)" in rows[0]
    assert "Fix known: A file system is full (exact)" in " ".join(seen.out.split())
    assert seen.lines[-1] == "Next: healthmon show i/142"


def test_the_state_asked_for_is_the_state_got(user: User) -> None:
    seen = user.calls("incidents", "--state", "closed", answers={"GET /incidents": listed(CLOSED)})
    assert seen.asked[0].url.params["state"] == "closed"
    assert seen.lines[0] == "1 closed incident"
    assert "2026-11-20 09:00:00" in seen.out


def test_no_open_incident_is_a_good_answer(user: User) -> None:
    seen = user.calls("incidents", answers={"GET /incidents": listed()})
    assert (seen.code, seen.lines[0]) == (0, "No open incidents.")


def test_plain_and_json_of_incidents(user: User) -> None:
    answers = {"GET /incidents": listed(CLOSED, INCIDENT)}
    first, second = user.calls("incidents", "--state", "all", "--plain", answers=answers).lines
    assert first.split("\t")[:6] == ["142", "critical", "open", "web-3", "2026-11-21T14:02:11Z", ""]
    assert second.split("\t")[5] == "2026-11-20T09:30:00Z"
    answer = json.loads(user.calls("incidents", "--json", answers=answers).out)
    assert answer == {"schema": "incidents/1", "incidents": [CLOSED, INCIDENT]}


@pytest.mark.parametrize("reference", ["142", "i/142"])
def test_an_incident_shows_the_fix_on_the_same_screen(user: User, reference: str) -> None:
    seen = user.calls("show", reference, answers=shown(WHOLE))
    assert seen.lines == [
        "web-3 CRITICAL: disk / is 96.4 %, limit 95 %",
        "i/142, open since 14:02:11 UTC (12 min)",
        "",
        "DO THIS",
        "A file system is full (exact match)",
        "  Why: the check disk-usage is critical for /",
        "  Captured: mount = /",
        "",
        "  1. See which file system is full.",
        "      df -h",
        "",
        "  2. Free space.",
        "",
        "  Verify: df -h / shows less than 85 % used",
        "",
        "TIMELINE",
        "  14:02:11 opened: disk / is 95.1 %, limit 95 %",
        "  14:10:00 worsened: disk / is 96.4 %, limit 95 %",
        "",
        "Details: http://127.0.0.1:8000/i/142",
    ]


def test_a_command_is_never_wrapped(user: User) -> None:
    command = f"find / {'-name x ' * 30}\necho done"
    step = {"text": "Look.", "command": command}
    remedy = {**INCIDENT["remedies"][0], "steps": [step]}  # type: ignore[index]
    seen = user.calls("show", "142", answers=shown({**WHOLE, "remedies": [remedy]}))
    first, second = command.splitlines()
    assert f"      {first}" in seen.lines
    assert f"      {second}" in seen.lines


def test_an_incident_without_a_known_fix_says_what_now(user: User) -> None:
    seen = user.calls("show", "142", answers=shown({**WHOLE, "remedies": []}))
    assert '      journalctl --since "-15 min" --priority warning | healthmon explain' in seen.lines


def test_a_closed_incident_is_not_called_critical(user: User) -> None:
    seen = user.calls("show", "90", answers=shown(CLOSED))
    assert seen.lines[:2] == [
        "web-3 closed: disk / is 96.4 %, limit 95 %",
        "i/90, opened 2026-11-20 09:00:00 UTC, closed 2026-11-20 09:30:00 UTC",
    ]
    assert "IF IT COMES BACK" in seen.lines
    assert "DO THIS" not in seen.lines


def test_an_incident_says_what_else_troubles_its_host(user: User) -> None:
    errors = {"disk": "no answer within 2 s", "spool": "no space left on\x1b device"}
    seen = user.calls("show", "142", answers=shown(WHOLE, errors=errors, clock_offset_seconds=-240.5))
    first = seen.lines.index("OF web-3 NOW")
    assert seen.lines[first + 1 : first + 4] == [
        "  the agent cannot keep records on its disk: no space left on\\x1b device",
        "  disk not measured: no answer within 2 s",
        "  its clock is 4 min ahead; times of readings are corrected",
    ]


def test_show_as_json(user: User) -> None:
    answer = json.loads(user.calls("show", "142", "--json", answers=shown(WHOLE)).out)
    assert answer == {"schema": "incident/1", "incident": WHOLE, "evidence": NO_EVIDENCE}


def test_an_unknown_incident_is_not_found(user: User) -> None:
    seen = user.calls("show", "9", answers={"GET /incidents/9": problem(404, "There is no incident 9.")})
    assert (seen.code, seen.out) == (1, "")
    assert seen.err == "There is no incident 9. Try: healthmon incidents --state all\n"


@pytest.mark.parametrize("reference", ["x/142", "0", "-1", "i/", "../keys", "1" * 40])
def test_what_is_no_number_is_a_usage_error(user: User, reference: str) -> None:
    seen = user.calls("show", "--", reference)
    assert (seen.code, seen.asked) == (64, [])
