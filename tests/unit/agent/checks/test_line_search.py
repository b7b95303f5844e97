"""Searching lines of others: found in a child, which a bad pattern keeps busy alone, and not for long."""

import threading
from pathlib import Path

import psutil
import pytest

from agent.checks import line_search
from agent.checks.deadline import Deadline
from agent.checks.line_search import CHILD_OPTIONS, LineSearch
from agent.checks.log_file import LogFileCheck
from agent.checks.observation import Observation
from agent.checks.process import Process, ProcessCheck
from health.state import State
from tests.waiting import wait_for

NEVER_ENDS = r"\d+.*\d+.*\d+.*\d+.*failed"
DIGITS = "1" * 2000


def found(pattern: str, *lines: str, seconds: float = 30.0) -> LineSearch:
    search = LineSearch(pattern, Deadline(seconds))
    for line in lines:
        search.add(line)
    search.end()
    return search


def told(search: LineSearch) -> tuple[int, int, list[str], str]:
    return search.count, search.matched, list(search.shown), search.trouble


def test_lines_are_counted_and_the_last_that_matched_shown() -> None:
    lines = [f"error {number} ü" for number in range(8)]
    assert told(found("error [0-6] ü$", *lines, "fine")) == (9, 7, lines[2:7], "")
    assert told(found("x")) == (0, 0, [], "")


def test_batches_are_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_search, "BATCH_BYTES", 20)
    lines = [f"line {number}" for number in range(10)]
    assert told(found("line", *lines)) == (10, 10, lines[5:], "")


def test_only_the_beginning_of_a_line_is_looked_at_and_shown() -> None:
    assert found("b", "a" * 100 + "b").matched == 1
    assert found("b", "a" * 10_000 + "b").matched == 0
    assert found("a$", "a" * 10_000).shown[0] == "a" * 500


def test_what_parts_lines_for_the_child_is_no_part_of_one() -> None:
    assert told(found("^b", "a\0b")) == (1, 0, [], "")


def test_a_search_without_end_holds_up_nobody_else_and_is_ended() -> None:
    done: list[LineSearch] = []
    thread = threading.Thread(target=lambda: done.append(found(NEVER_ENDS, DIGITS, seconds=1.5)), daemon=True)
    thread.start()
    wait_for(lambda: psutil.Process().children(), "the search, while this thread goes on")
    thread.join(60)
    assert done[0].matched == 0
    assert "took too long and was ended" in done[0].trouble
    assert not psutil.Process().children()


def test_a_log_with_such_a_line_is_unknown_unless_others_matched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_search, "BATCH_BYTES", 1)
    log = tmp_path / "a.log"
    log.touch()

    def observed(*lines: str) -> Observation:
        probe = LogFileCheck(name="a", file=str(log), pattern=f"{NEVER_ENDS}|panic").probe()
        probe(Deadline(30))
        with log.open("a") as stream:
            stream.writelines(f"{line}\n" for line in lines)
        return probe(Deadline(1))

    alone = observed(DIGITS, "fine")
    assert alone.state is State.UNKNOWN
    assert "no new line in" in alone.output
    assert "not all lines are judged: the search for the pattern took too long" in alone.output
    assert observed("panic", DIGITS).state is State.WARNING


def test_a_command_line_like_that_makes_the_check_unknown() -> None:
    with psutil.Popen(["/bin/sh", "-c", "read -r line", DIGITS], stdin=-1) as process:
        wait_for(lambda: DIGITS in process.cmdline(), "the command line")
        observation = ProcessCheck(name="a", pattern=f"{NEVER_ENDS}$").probe()(Deadline(1))
        process.kill()
    assert observation.state is State.UNKNOWN
    assert "took too long" in observation.output


def test_no_search_counts_as_a_process_of_the_host() -> None:
    assert Process("python3", ("/usr/bin/python3", *CHILD_OPTIONS)).is_search
    assert not Process("python3", ("/usr/bin/python3", "-I", "-S", "-c", "import re")).is_search


def test_a_child_that_cannot_be_started_or_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "its process ended with 1: re.error: missing )" in found("(", "a").trouble
    monkeypatch.setattr("sys.executable", "/nowhere/python3")
    assert "cannot be searched: /nowhere/python3 cannot be started" in found("a", "a").trouble
