"""Trying a rule file on the past: with the real child process, and with children that fail in every way."""

import sys
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from helpdesk_api import replay_process
from helpdesk_api.desk import Desk
from helpdesk_api.problem import Problem
from helpdesk_api.routes.replay import MAX_CONTENT_BYTES
from store.model import Batch, KeptBatch, KeptSnapshot
from tests.contract.http.fleet import NOW_MS, agent

Keep = Callable[[Batch], KeptBatch]
RULE = """
- id: disk-usage
  metric: disk.usage_percent
  warning: {above: 97, clear_below: 96}
  title: "disk {mount}"
  sentence: "disk {mount} is {value:g} % full"
  examples:
    - {name: full, values: [99], ends: warning}
    - {name: empty, values: [1], ends: ok}
"""


def past(*values: float) -> Batch:
    """Of web-3, 5 s apart, the last one now."""
    taken = [
        KeptSnapshot(
            agent_id="web-3",
            epoch=1,
            seq=seq,
            wall_ms=NOW_MS - 5_000 * (len(values) - seq + 1),
            received_ms=NOW_MS,
            readings={'disk.usage_percent{mount="/"}': value},
        )
        for seq, value in enumerate(values, start=1)
    ]
    return Batch(agents=[agent("web-3", snapshot_ms=NOW_MS)], snapshots=taken)


def asked(client: TestClient, **fields: Any) -> Any:
    return client.post("/api/v1/rules/replay", json={"content": RULE, "file": "mine.yaml", **fields})


def test_a_file_beside_the_rule_in_force(client: TestClient, keep: Keep) -> None:
    keep(past(50, 90, 90, 90, 90, 98, 50, 50, 50, 50))
    answer = asked(client, agent="web-3.example", since_seconds=3_600).json()
    assert (answer["snapshots"], answer["agents"], answer["ended"]) == (10, 1, "")
    assert answer["reached"] == answer["until"] == "2027-01-15T08:00:00Z"
    assert answer["since"] == "2027-01-15T07:00:00Z"
    [rule] = answer["rules"]
    assert (rule["rule"], rule["edited_count"], rule["today_count"]) == ("disk-usage", 1, 1)
    assert rule["edited"] == [
        {
            "agent_id": "web-3",
            "host_name": "web-3.example",
            "subject": 'mount="/"',
            "severity": "warning",
            "opened": "2027-01-15T07:59:35Z",
            "closed": "2027-01-15T07:59:40Z",
            "sentence": "disk / is 98 % full",
            "number": None,
        }
    ]
    assert rule["sentence"] == "1 incident, as many as with today's rule and at about the same times"


def test_snapshots_before_the_time_asked_for_are_left_out(client: TestClient, keep: Keep) -> None:
    keep(past(*[99.0] * 10))
    assert asked(client, since_seconds=20).json()["snapshots"] == 4


def test_what_is_wrong_with_the_file_is_named(client: TestClient) -> None:
    answer = asked(client, content=RULE.replace("97", "x"))
    assert answer.status_code == 422
    problem = answer.json()
    assert (problem["type"], problem["title"]) == ("/problems/invalid-rules", "Rules cannot be used")
    [error] = problem["errors"]
    assert (error["file"], error["rule"], error["key"]) == ("mine.yaml", "rule disk-usage", "warning.above")
    assert error["message"].startswith("Input should be a valid number")
    assert "mine.yaml: rule disk-usage: warning.above: Input should be" in problem["detail"]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"content": ""}, 422),
        ({"content": "x" * (MAX_CONTENT_BYTES + 1)}, 422),
        ({"content": "\u00e9" * MAX_CONTENT_BYTES}, 413),
        ({"file": "../x"}, 422),
        ({"since_seconds": 0}, 422),
        ({"since_seconds": 1e12}, 422),
        ({"agent": "nobody"}, 404),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused(client: TestClient, fields: dict[str, Any], status: int) -> None:
    assert asked(client, **fields).status_code == status


def test_two_run_at_once_and_a_third_is_asked_to_wait(client: TestClient, desk: Desk) -> None:
    assert desk.replay_places.acquire(blocking=False)
    assert desk.replay_places.acquire(blocking=False)
    answer = asked(client)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "10")
    desk.replay_places.release()
    assert asked(client).status_code == 200
    assert asked(client).status_code == 200  # a place is given back


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("import sys; sys.stdin.read(); sys.exit('hunter2')", "It ended with 1"),
        ("import time; time.sleep(60)", "It took longer than"),
        ('print(\'{"failed":"the store is away","problems":[]}\')', "The store is away."),
    ],
)
def test_a_child_without_an_answer_is_a_503(desk: Desk, monkeypatch: pytest.MonkeyPatch, script: str, why: str) -> None:
    monkeypatch.setattr(replay_process, "LONGEST_SECONDS", 1.0 if "sleep" in script else 30.0)
    with pytest.raises(Problem) as caught:
        replay_process.run_replay({"file": "mine.yaml"}, desk.engine, (sys.executable, "-c", script))
    assert caught.value.status_code == 503
    assert f"The replay gave no answer. {why}" in caught.value.detail
    assert "hunter2" not in caught.value.detail


def test_a_program_that_is_not_there_is_a_503(desk: Desk) -> None:
    with pytest.raises(Problem, match="could not be started"):
        replay_process.run_replay({"file": "mine.yaml"}, desk.engine, ("/nonexistent",))
