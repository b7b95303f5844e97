"""A rule file tried on the past from the terminal, against the real application, child process and store."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from store.model import Batch, KeptBatch
from tests.contract.cli.conftest import healthmon
from tests.contract.http.test_replay_route import RULE, past

Keep = Callable[[Batch], KeptBatch]
Capture = pytest.CaptureFixture[str]


def test_the_difference_and_the_incidents(url: str, keep: Keep, capsys: Capture, tmp_path: Path) -> None:
    keep(past(50, 90, 90, 90, 90, 50, 50, 50, 98, 50))
    file = tmp_path / "mine.yaml"
    file.write_text(RULE)
    assert healthmon(url, "rules", "test", str(file), "--since", "1h", "--agent", "web-3.example") == 0
    lines = capsys.readouterr().out.splitlines()
    assert " ".join(lines[:2]) == (
        "disk-usage: 1 incident instead of 1; would have missed 1 of them; 1 at times when today's rule says nothing"
    )
    assert any(line.split()[:2] == ["web-3.example", "WARNING"] and "98 % full" in line for line in lines)
    assert "MISSED, WITH TODAY'S RULE ONLY" in lines
    assert " ".join(lines[lines.index("") :]).endswith(
        "Run over 10 snapshots of 1 agent: all of the time from 2027-01-15T07:00:00Z to 2027-01-15T08:00:00Z; "
        "the first snapshot that is kept is of 2027-01-15T07:59:10Z."
    )
    assert healthmon(url, "rules", "test", str(file), "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["schema"], answer["replay"]["since"]) == ("replay/1", "2027-01-08T08:00:00Z")


def test_a_mistake_in_the_file_is_said_with_file_and_key(url: str, capsys: Capture, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(RULE.replace("above: 97", "above: x"))
    assert healthmon(url, "rules", "test", str(file)) == 64
    assert "mine.yaml: rule disk-usage: warning.above: Input should be" in capsys.readouterr().err
    file.write_text(RULE)
    assert healthmon(url, "rules", "test", str(file), "--agent", "nobody") == 1
