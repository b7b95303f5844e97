"""Log files: new lines once each, over rotations and truncation, within bounds."""

import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.checks import log_reader
from agent.checks.deadline import Deadline
from agent.checks.log_file import LogFileCheck
from agent.checks.log_reader import LogReader
from agent.checks.observation import Observation, Probe
from health.state import State


@pytest.fixture
def log(tmp_path: Path) -> Path:
    file = tmp_path / "app.log"
    file.write_text("ERROR of yesterday\n")
    return file


def write(log: Path, text: str) -> None:
    with log.open("a") as stream:
        stream.write(text)


def watch(log: Path) -> Probe:
    return LogFileCheck(name="a", file=str(log), pattern="ERROR|panic").probe()


def observe(probe: Probe) -> Observation:
    return probe(Deadline(30))


def counts(observation: Observation) -> tuple[float, float]:
    lines, matches = observation.measured
    assert (lines.label, matches.label) == ("lines", "matches")
    return lines.value, matches.value


def test_it_begins_at_the_end_and_warns_once_for_each_line(log: Path) -> None:
    probe = watch(log)
    assert observe(probe).state is State.OK
    write(log, "fine\nERROR disk\n")
    observation = observe(probe)
    assert (observation.state, counts(observation)) == (State.WARNING, (2, 1))
    assert observation.output.endswith("ERROR disk")
    assert (observe(probe).state, counts(observe(probe))) == (State.OK, (0, 0))


def test_the_first_line_says_in_words_what_was_found(log: Path) -> None:
    probe = watch(log)
    told = []
    for text in ("", "fine\n", "ERROR 1\n", "ERROR 1\nERROR 2\n", "fine\nfine\nERROR 3\n"):
        write(log, text)
        told.append(observe(probe).output.partition("\n")[0].replace(str(log), "FILE"))
    assert told == [
        "no new line in FILE matched",
        "no new line in FILE matched",
        "1 new line in FILE matched",
        "2 new lines in FILE matched",
        "1 of 3 new lines in FILE matched",
    ]
    log.unlink()
    log.mkdir()
    assert observe(probe).output == f"no new line in {log} matched; it cannot be read: it is no regular file"


def test_a_line_that_is_not_whole_yet_is_read_when_it_is(log: Path) -> None:
    probe = watch(log)
    observe(probe)
    write(log, "ERR")
    assert counts(observe(probe)) == (0, 0)
    write(log, "OR\n")
    assert counts(observe(probe)) == (1, 1)


def test_a_rotation_loses_no_line(log: Path) -> None:
    probe = watch(log)
    observe(probe)
    write(log, "ERROR before\n")
    old = log.rename(log.with_suffix(".1"))
    write(log, "ERROR after\n")
    assert counts(observe(probe)) == (2, 2)
    write(old, "ERROR by a writer that held the old file")
    write(log, "fine\n")
    assert counts(observe(probe)) == (2, 1)
    write(log, "panic\n")
    assert counts(observe(probe)) == (1, 1)


def test_a_file_that_is_away_for_a_while_is_no_trouble(log: Path) -> None:
    probe = watch(log)
    observe(probe)
    write(log, "ERROR before\n")
    log.rename(log.with_suffix(".1"))
    assert counts(observe(probe)) == (1, 1)
    assert observe(probe).state is State.OK
    write(log, "ERROR after\n")
    assert counts(observe(probe)) == (1, 1)


def test_a_truncated_file_is_read_from_its_beginning(log: Path) -> None:
    probe = watch(log)
    observe(probe)
    log.write_text("ERROR new\n")
    assert counts(observe(probe)) == (1, 1)


def test_a_file_that_was_never_there_is_unknown_and_read_from_its_beginning(tmp_path: Path) -> None:
    probe = watch(tmp_path / "later.log")
    assert observe(probe).state is State.UNKNOWN
    write(tmp_path / "later.log", "ERROR at once\n")
    assert counts(observe(probe)) == (1, 1)


def test_what_is_no_regular_file_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "."):
        assert observe(watch(tmp_path / name)).state is State.UNKNOWN


def test_too_much_is_skipped_and_named(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_reader, "MOST_BYTES", 1000)
    probe = watch(log)
    observe(probe)
    write(log, "fine line\n" * 200)
    observation = observe(probe)
    assert (observation.state, counts(observation)) == (State.UNKNOWN, (100, 0))
    assert "1000 bytes before them were too many to read" in observation.output
    write(log, "fine line\n" * 200 + "ERROR\n")
    assert observe(probe).state is State.WARNING


def test_few_of_many_lines_are_shown(log: Path) -> None:
    probe = watch(log)
    observe(probe)
    write(log, "".join(f"ERROR {number} {'x' * 5000}\n" for number in range(100)))
    observation = observe(probe)
    assert counts(observation) == (100, 100)
    assert "ERROR 99" in observation.output
    assert len(observation.output) < 4096


def test_bytes_that_are_no_text_are_read(log: Path) -> None:
    probe = watch(log)
    observe(probe)
    with log.open("ab") as stream:
        stream.write(b"\xff\xfe ERROR\n")
    assert observe(probe).state is State.WARNING


@settings(max_examples=50, deadline=None)
@given(pieces=st.lists(st.sampled_from(["a\n", "b", "\n", "rotate", "read", "c\n"]), max_size=30))
def test_every_whole_line_is_read_once(tmp_path_factory: pytest.TempPathFactory, pieces: list[str]) -> None:
    file = tmp_path_factory.mktemp("log") / "a.log"
    file.touch()
    reader = LogReader(str(file))
    found, written, rotated = list(reader.new_lines()), "", 0
    for piece in pieces:
        if piece == "rotate":
            found += reader.new_lines()  # one rotation at most between two readings
            file.rename(file.with_name(f"{rotated}.log"))
            rotated += 1
            written += "" if written.endswith("\n") or not written else "\n"
            file.touch()
        elif piece == "read":
            found += reader.new_lines()
        else:
            write(file, piece)
            written += piece
    found += reader.new_lines()
    found += reader.new_lines()
    assert Counter(found) == Counter(written[: written.rfind("\n") + 1].splitlines())
