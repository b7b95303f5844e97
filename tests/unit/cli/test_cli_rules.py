"""`healthmon rules test`: what is sent, what is shown, and files that cannot be sent."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from cli.exits import Trouble
from cli.verbs.rules import MOST_FILE_BYTES, span_seconds
from tests.unit.cli.desk_stub import User

INCIDENT: dict[str, Any] = {
    "agent_id": "a-1",
    "host_name": "web-3",
    "subject": 'mount="/"',
    "severity": "critical",
    "opened": "2026-11-21T14:02:11Z",
    "closed": None,
    "sentence": "disk / is 96.4 % full",
    "number": 17,
}
RULE = {
    "rule": "disk-usage",
    "sentence": "1 incident instead of 41; would have missed i/17",
    "edited_count": 1,
    "today_count": 41,
    "edited": [{**INCIDENT, "closed": "2026-11-20T14:02:11Z", "number": None}],
    "today": [INCIDENT],
    "missed": [{**INCIDENT, "agent_id": None, "host_name": None}] * 30,
    "missed_count": 4_000,
}
ANSWER = {
    "since": "2026-11-14T14:14:11Z",
    "until": "2026-11-21T14:14:11Z",
    "reached": "2026-11-20T14:14:11Z",
    "began": "2026-11-14T14:14:11Z",
    "ended": "25 s were over",
    "coverage": "CUT: 86% of the time asked for; 25 s were over",
    "snapshots": 120_960,
    "agents": 1,
    "rules": [RULE],
}
STUB = {"POST /rules/replay": ANSWER}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text("- id: disk-usage\n")
    return path


def test_what_is_sent_and_shown(user: User, file: Path) -> None:
    seen = user.calls("rules", "test", str(file), "--since", "12h", "--agent", "web-3", answers=STUB)
    assert seen.code == 0
    assert json.loads(seen.asked[0].content) == {
        "file": "mine.yaml",
        "content": "- id: disk-usage\n",
        "since_seconds": 43_200.0,
        "agent": "web-3",
    }
    assert "disk-usage: 1 incident instead of 41; would have missed i/17" in seen.lines
    assert "WITH THE FILE" in seen.lines
    assert "  and 3,980 more, the first 30 with --json" in seen.lines
    assert "(i/17)" in seen.out
    assert "(fleet)" in seen.out


def test_a_cut_is_said_before_all_else_and_what_is_whole_at_the_end(user: User, file: Path) -> None:
    cut = " ".join(user.calls("rules", "test", str(file), answers=STUB).out.split())
    assert cut.startswith("Run over 120,960 snapshots of 1 agent: CUT: 86% of the time asked for; 25 s were over.")
    assert "ask for one host (--agent)" in cut
    whole = {"POST /rules/replay": {**ANSWER, "ended": "", "coverage": "all of the time"}}
    seen = user.calls("rules", "test", str(file), answers=whole)
    assert seen.lines[0].startswith("disk-usage: ")
    assert seen.lines[-1] == "Run over 120,960 snapshots of 1 agent: all of the time."
    assert "--agent" not in seen.out


def test_a_week_is_the_time_unless_another_is_asked_for(user: User, file: Path) -> None:
    seen = user.calls("rules", "test", str(file), "--json", answers=STUB)
    assert json.loads(seen.asked[0].content) == {
        "file": "mine.yaml",
        "content": "- id: disk-usage\n",
        "since_seconds": 604_800.0,
    }
    assert json.loads(seen.out) == {"schema": "replay/1", "replay": ANSWER}


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30min", 1_800), ("12 h", 43_200), ("7d", 604_800), ("1.5h", 5_400)]
)
def test_spans_of_time(text: str, seconds: float) -> None:
    assert span_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "7", "0d", "-1d", "7 weeks", "1e3s", "d"])
def test_what_is_no_span_of_time_is_refused(text: str) -> None:
    with pytest.raises(Trouble, match="like 7d"):
        span_seconds(text)


def test_a_file_that_cannot_be_sent(user: User, tmp_path: Path) -> None:
    for content, told in ((b"\xff", "not text in UTF-8"), (b"x" * (MOST_FILE_BYTES + 1), "larger than 64 KiB")):
        file = tmp_path / "bad.yaml"
        file.write_bytes(content)
        seen = user.calls("rules", "test", str(file), answers=STUB)
        assert (seen.code, seen.asked) == (64, [])
        assert told in seen.err
    assert user.calls("rules", "test", str(tmp_path / "missing"), answers=STUB).code == 64


def test_a_file_comes_from_standard_input_too(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"- id: disk-usage\n")))
    assert user.calls("rules", "test", "-", answers=STUB).code == 0
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"x" * (MOST_FILE_BYTES + 1))))
    seen = user.calls("rules", "test", "-", answers=STUB)
    assert (seen.code, seen.asked) == (64, [])
    assert "standard input is larger than 64 KiB" in seen.err


def test_standard_input_is_named_in_messages(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"- id: disk-usage\n")))
    seen = user.calls("rules", "test", "-", answers=STUB)
    sent = json.loads(seen.asked[0].content)
    assert (sent["file"], sent["content"]) == ("standard input", "- id: disk-usage\n")
