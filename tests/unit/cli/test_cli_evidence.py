"""`healthmon show` on what the host looked like when the incident opened, and what its agent did about it."""

import json
from typing import Any

import pytest

from tests.unit.cli.desk_stub import INCIDENT, NO_EVIDENCE, User, shown

BOX = {
    "time": "2026-11-21T14:02:11Z",
    "state": "critical",
    "names": ['disk.usage_percent{mount="/"}', "memory.available_bytes", "swap.used_bytes"],
    "samples": [[60.0, 81.2, None, None], [30.0, None, 2.0**30, None], [0.0, 96.4, 2.0**29, None]],
    "processes": [{"process_id": 7, "name": "du", "cpu_percent": 98.5, "memory_bytes": 2**20}],
}
WRITTEN = {"time": "2026-11-21T14:02:11Z", "state": "warning", "output": "1 new line matched\nERROR sda1\x1b[31m gone"}
DONE = {
    "time": "2026-11-21T14:02:13Z",
    "name": "vacuum",
    "state": "critical",
    "attempt": 1,
    "outcome": "failed",
    "exit_code": 3,
    "output": "no such file",
    "duration_seconds": 0.5,
}
EVIDENCE = {"black_boxes": [{**BOX, "processes": []}, BOX], "check_outputs": [WRITTEN], "actions": [DONE]}
HISTORY = "GET /agents/a-1/metrics/history"


def section(lines: list[str]) -> list[str]:
    return lines[lines.index("EVIDENCE") : lines.index("TIMELINE") - 1]


def test_values_processes_lines_and_actions_stand_between_the_fix_and_the_timeline(user: User) -> None:
    seen = user.calls("show", "142", answers=shown(INCIDENT, EVIDENCE))
    assert seen.code == 0
    assert section(seen.lines) == [
        "EVIDENCE",
        "  BEFORE    AT OPENING  READING",
        '  81.2 %    96.4 %      disk.usage_percent{mount="/"}',
        "  1.00 GiB  512 MiB     memory.available_bytes",
        "",
        "  CPU OF A CORE  MEMORY    PROCESS",
        "  98.5 %         1.00 MiB  du (7)",
        "",
        "  The check wrote at 14:02:11 UTC:",
        "      ERROR sda1\\x1b[31m gone",
        "",
        "  What the host did by itself:",
        "    14:02:13 vacuum, attempt 1: failed, exit code 3",
        "      no such file",
    ]
    assert HISTORY.split()[1] not in [request.url.path for request in seen.asked]


def test_json_carries_the_evidence_as_it_came(user: User) -> None:
    told = json.loads(user.calls("show", "142", "--json", answers=shown(INCIDENT, EVIDENCE)).out)
    assert told == {"schema": "incident/1", "incident": INCIDENT, "evidence": EVIDENCE}


def test_without_a_black_box_the_stored_readings_tell(user: User) -> None:
    points = [{"time": "x", "min": 1.0, "avg": 2.0, "max": value, "count": 1} for value in (80.0, 96.4)]
    history = {HISTORY: {"series": {'disk.usage_percent{mount="/"}': points}}}
    seen = user.calls("show", "142", answers=shown(INCIDENT) | history)
    assert '  80.0 %  96.4 %      disk.usage_percent{mount="/"}' in section(seen.lines)
    asked = next(request.url.params for request in seen.asked if request.url.path.endswith("/history"))
    assert asked["metrics"] == 'disk.usage_percent{mount="/"}'
    assert (asked["start"], asked["end"]) == ("2026-11-21T13:57:11+00:00", "2026-11-21T14:02:11.001000+00:00")


@pytest.mark.parametrize(
    "evidence",
    [
        {},
        {"black_boxes": [{**BOX, "samples": [], "processes": []}]},
        {"check_outputs": [{**WRITTEN, "output": "its sentence has it all"}]},
    ],
)
def test_no_evidence_is_no_heading(user: User, evidence: dict[str, Any]) -> None:
    assert "EVIDENCE" not in user.calls("show", "142", answers=shown(INCIDENT, {**NO_EVIDENCE, **evidence})).lines


def test_much_output_is_cut(user: User) -> None:
    done = {**DONE, "exit_code": None, "outcome": "timed-out", "output": "\n".join(map(str, range(20)))}
    lines = section(user.calls("show", "142", answers=shown(INCIDENT, {**NO_EVIDENCE, "actions": [done]})).lines)
    assert lines[2] == "    14:02:13 vacuum, attempt 1: timed-out"
    assert lines[-2:] == ["      11", "      and 8 more: --json"]


def test_a_help_desk_of_another_version_is_said(user: User) -> None:
    seen = user.calls("show", "142", answers=shown(INCIDENT, {"actions": []}))
    assert (seen.code, seen.out) == (69, "")
    assert "Install the same version on both." in seen.err
