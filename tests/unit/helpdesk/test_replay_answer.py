"""What a replay says of how far it came, and of incidents that no single host has."""

from typing import Any

import pytest

from helpdesk_api.answers.replay import replay_answer

SINCE_MS, UNTIL_MS = 1_790_000_000_000, 1_790_000_600_000
INCIDENT: dict[str, Any] = {
    "subject": "",
    "severity": "warning",
    "opened_ms": SINCE_MS,
    "closed_ms": None,
    "sentence": "",
    "number": None,
}


def child(**fields: Any) -> dict[str, Any]:
    whole = {
        "began_ms": SINCE_MS + 3_000,
        "reached_ms": UNTIL_MS,
        "snapshots": 9,
        "agents": 1,
        "agents_behind": 0,
        "ended": "",
        "rules": [],
    }
    return whole | fields


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, "all of the time from 2026-09-21T14:13:20Z to 2026-09-21T14:23:20Z"),
        (
            {"began_ms": SINCE_MS + 300_000},
            "all of the time from 2026-09-21T14:13:20Z to 2026-09-21T14:23:20Z; "
            "the first snapshot that is kept is of 2026-09-21T14:18:20Z",
        ),
        (
            {"ended": "25 s were over", "reached_ms": SINCE_MS + 150_000},
            "CUT: 25% of the time from 2026-09-21T14:13:20Z to 2026-09-21T14:23:20Z; 25 s were over, "
            "and nothing is said of the time after 2026-09-21T14:15:50Z",
        ),
        ({"began_ms": None}, "no snapshot of this time is kept"),
        (
            {"agents_behind": 1},
            "all of the time from 2026-09-21T14:13:20Z to 2026-09-21T14:23:20Z. Dependencies are not applied: "
            "of 1 host behind others, incidents that would have been withheld are counted",
        ),
        (
            {"agents_behind": 7, "ended": "25 s were over", "reached_ms": SINCE_MS + 150_000},
            "CUT: 25% of the time from 2026-09-21T14:13:20Z to 2026-09-21T14:23:20Z; 25 s were over, "
            "and nothing is said of the time after 2026-09-21T14:15:50Z. Dependencies are not applied: "
            "of 7 hosts behind others, incidents that would have been withheld are counted",
        ),
    ],
)
def test_how_far_it_came_is_said_in_words(fields: dict[str, Any], told: str) -> None:
    assert replay_answer(child(**fields), SINCE_MS, UNTIL_MS, str.upper).coverage == told


def test_an_incident_of_the_fleet_has_no_host() -> None:
    found = [{**INCIDENT, "agent_id": agent_id} for agent_id in ("", "web-1")]
    rule = {"rule": "r", "sentence": "", "edited_count": 2, "today_count": None, "edited": found}
    answer = replay_answer(
        child(rules=[{**rule, "today": [], "missed": [], "missed_count": 7}]), SINCE_MS, UNTIL_MS, str.upper
    )
    [shown] = answer.rules
    assert [(one.agent_id, one.host_name) for one in shown.edited] == [(None, None), ("web-1", "WEB-1")]
    assert shown.missed_count == 7
