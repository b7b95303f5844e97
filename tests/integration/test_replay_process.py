"""The replay as its own process, on stored snapshots in both kinds of database."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from processor.replay import MEMORY_BYTES
from processor.rule_files import RULES_FOLDER
from store import fence
from store.dependencies import add_dependency
from store.engine import transaction
from store.ingest import keep_batch
from store.model import Batch, Change, CheckKey
from store.response import Dependency
from store.rule_files import keep_rule_files
from tests.contract.store.builders import NOW_MS, at, batch, change, hello, snapshot
from tests.waiting import wait_for

MINE = """
- id: disk-usage
  metric: disk.usage_percent
  warning: {{above: {limit}, clear_below: {limit}}}
  hold_seconds: {hold}
  title: "disk {{mount}}"
  sentence: "disk {{mount}} is {{value:g}} % full"
  examples:
    - {{name: full, values: [100, 100, 100, 100, 100, 100, 100], ends: warning}}
    - {{name: empty, values: [1], ends: ok}}
"""
ROOT = 'mount="/"'
BEHIND = Dependency(dependency_no=0, agent_id="", parent_agent_id="", reason="rack", author="ana", created_ms=NOW_MS)


def kept(engine: Engine, *batches: Batch) -> None:
    epoch = fence.claim(engine, "test", NOW_MS)
    for one in batches:
        keep_batch(engine, one, epoch)


def history(agent_id: str, *values: float) -> Batch:
    taken = [
        snapshot(seq, agent_id, readings={f"disk.usage_percent{{{ROOT}}}": value})
        for seq, value in enumerate(values, start=1)
    ]
    return batch(agents=[at(taken[-1])], snapshots=taken)


def replay(url: str, content: str, **fields: Any) -> dict[str, Any]:
    request = {
        "database_url": url,
        "file": "mine.yaml",
        "content": content,
        "since_ms": NOW_MS,
        "until_ms": NOW_MS + 3_600_000,
        **fields,
    }
    done = subprocess.run(
        [sys.executable, "-m", "processor.replay"],
        input=json.dumps(request).encode(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_an_edited_rule_beside_the_one_that_ships(store_url: str, store_engine: Engine) -> None:
    web = history("web-1", 50, 90, 90, 90, 50, 50, 50, 50)
    real = change(Change.OPENED, 15_000, CheckKey("web-1", "disk-usage", ROOT))
    kept(store_engine, replace(web, incidents=[real]), history("db-1", *[90.0] * 9))
    answer = replay(store_url, MINE.format(limit=85, hold=25))
    [rule] = answer["rules"]
    assert (answer["snapshots"], answer["agents"], answer["ended"], answer["problems"]) == (17, 2, "", [])
    assert answer["reached_ms"] == NOW_MS + 3_600_000
    assert rule["sentence"] == "1 incident instead of 2; would have missed i/1"
    assert (rule["edited_count"], rule["today_count"]) == (1, 2)
    assert rule["edited"] == [
        {
            "agent_id": "db-1",
            "subject": ROOT,
            "severity": "warning",
            "opened_ms": NOW_MS + 25_000,
            "closed_ms": None,
            "sentence": "disk / is 90 % full",
            "number": None,
        }
    ]
    assert [(one["agent_id"], one["opened_ms"], one["number"]) for one in rule["missed"]] == [
        ("web-1", NOW_MS + 15_000, 1)
    ]


def test_one_agent_a_shorter_time_and_the_users_own_rule(store_url: str, store_engine: Engine) -> None:
    kept(store_engine, history("web-1", *[90.0] * 9), history("db-1", *[90.0] * 9))
    with transaction(store_engine) as connection:
        keep_rule_files(connection, {"mine.yaml": MINE.format(limit=95, hold=0)}, NOW_MS)
    asked = {"agent_id": "db-1", "since_ms": NOW_MS + 10_000, "until_ms": NOW_MS + 30_000}
    answer = replay(store_url, MINE.format(limit=85, hold=0), **asked)
    [rule] = answer["rules"]
    assert (answer["snapshots"], answer["agents"]) == (4, 1)
    assert rule["sentence"] == "1 incident instead of 0; 1 at times when today's rule says nothing"
    other = MINE.format(limit=85, hold=0).replace("disk-usage", "mine", 1)
    assert replay(store_url, other)["rules"][0]["sentence"] == "2 incidents; no rule with this id is in force today"


def test_hosts_that_stand_behind_others_are_counted(store_url: str, store_engine: Engine) -> None:
    kept(store_engine, *(history(name, 90.0) for name in ("switch", "web-1", "web-2", "web-3")), batch())
    with transaction(store_engine) as connection:
        for agent_id, parent in (("web-1", "switch"), ("web-1", "web-3"), ("web-2", "switch")):
            add_dependency(connection, replace(BEHIND, agent_id=agent_id, parent_agent_id=parent))
    content = MINE.format(limit=85, hold=0)
    answers = [replay(store_url, content, agent_id=name) for name in (None, "web-1", "web-3")]
    assert [one["agents_behind"] for one in answers] == [2, 1, 0]
    nobody = replay(store_url, content, since_ms=NOW_MS + 1)
    assert (nobody["agents"], nobody["agents_behind"]) == (0, 0)


def test_the_rules_that_go_by_the_clock_as_they_ship(store_url: str, store_engine: Engine) -> None:
    hosts = [history(f"web-{place}", *[97.0] * 60) for place in range(5)]
    records = [hello(100, f"web-{place}") for place in range(5)]
    kept(store_engine, *hosts, batch(agents=[one.agents[0] for one in hosts], records=records))
    content = "\n".join((RULES_FOLDER / f"{name}.yaml").read_text() for name in ("forecast", "anomaly", "fleet"))
    answer = replay(store_url, content, until_ms=NOW_MS + 600_000)
    assert (answer["problems"], answer["ended"], answer["snapshots"]) == ([], "", 300)
    *others, fleet = answer["rules"]
    assert {rule["sentence"] for rule in others} == {"the same incidents as with today's rule: none"}
    assert fleet["sentence"] == "the same incidents as with today's rule: 1"
    assert fleet["edited"][0]["agent_id"] == ""
    assert fleet["edited"][0]["sentence"].startswith("5 of 5 hosts of all agents have a disk that is almost full: ")


def test_a_replay_that_ends_early_says_how_far_it_came(store_url: str, store_engine: Engine) -> None:
    kept(store_engine, history("web-1", *[90.0] * 9))
    answer = replay(store_url, MINE.format(limit=85, hold=0), seconds=0.0)
    assert (answer["ended"], answer["reached_ms"], answer["snapshots"]) == ("0 s were over", NOW_MS, 0)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "mine.yaml: cannot be read as YAML"),
        ("just words", "mine.yaml: must be a list of rules"),
        ("[]", "mine.yaml: has no rule"),
        (MINE.format(limit=85, hold=-1), "mine.yaml: rule disk-usage: hold_seconds: Input should be greater"),
        (MINE.format(limit=101, hold=0), "mine.yaml: rule disk-usage: examples: 'full' ends ok, not warning"),
        (MINE.format(limit=85, hold=0) * 2, "mine.yaml: rule disk-usage: id: is used twice"),
        (MINE.format(limit=85, hold=0).replace("id: disk-usage", "id: clock-skew"), "id: healthmon's own"),
    ],
)
def test_what_is_wrong_with_the_file_is_said_as_the_processor_says_it(store_url: str, content: str, told: str) -> None:
    answer = replay(store_url, content)
    assert told in answer["problems"][0]["text"]
    assert answer["rules"] == []


def test_a_file_that_unfolds_to_5_gigabytes_ends_alone(sqlite_template: Path) -> None:
    lines = [f"- &level0 {'x' * 50_000}"]
    lines += [f"- &level{level} [{', '.join([f'*level{level - 1}'] * 10)}]" for level in range(1, 6)]
    answer = replay(f"sqlite:///{sqlite_template}", "\n".join([*lines, "- {id: *level5}"]))
    assert f"more than {MEMORY_BYTES >> 20} MiB" in answer["failed"]


def test_where_memory_runs_out_it_goes_before_the_one_that_waits_for_it() -> None:
    command = [sys.executable, "-m", "processor.replay"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        score = Path(f"/proc/{process.pid}/oom_score_adj")
        wait_for(lambda: score.read_text().strip() == "1000", "the highest score")
        process.kill()


def test_a_store_that_is_away_is_named_without_its_password() -> None:
    answer = replay("postgresql://healthmon:hunter2@127.0.0.1:1/store", MINE.format(limit=85, hold=0))
    assert "is unavailable" in answer["failed"]
    assert "hunter2" not in answer["failed"]
