"""Collectors of users: what they give, what they break, and files that are not trusted."""

import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.collectors.collection import Running, collect_all
from agent.custom_collectors import MOST_BYTES, MOST_READINGS, PREFIX, load_custom_collectors, named_readings
from agent.host import Host
from rabbitmq.readings import parse_reading_name
from rabbitmq.records import LONGEST_NAME, Readings, Snapshot, encode_record
from tests.unit.agent.stamping import stamper

HOST = Host(Path("/proc"), Path("/sys"), Path("/"), "host")
Collect = Callable[[], tuple[Readings, dict[str, str]]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "collectors"
    place.mkdir(mode=0o755)
    return place


def put(folder: Path, name: str, source: str, mode: int = 0o644) -> Path:
    file = folder / name
    file.write_text(source)
    file.chmod(mode)
    return file


def collecting(folder: Path) -> Collect:
    """Collects as the agent does, time after time."""
    collectors, _ = load_custom_collectors(folder)
    running = [Running(collector) for collector in collectors]
    return lambda: collect_all(running, HOST, 1.0)


def test_readings_are_named_below_custom(folder: Path) -> None:
    put(folder, "queue.py", "def collect():\n    return {'queue.length': 3, 'custom.queue.age_seconds': 1.5}\n")
    put(folder, "room.py", "def collect():\n    return {'room.celsius{room=\"east\"}': 21}\n")
    put(folder, "notes.txt", "no collector")
    readings, errors = collecting(folder)()
    assert readings == {
        "custom.queue.length": 3.0,
        "custom.queue.age_seconds": 1.5,
        'custom.room.celsius{room="east"}': 21.0,
    }
    assert errors == {}


def test_a_file_remembers_between_two_collections(folder: Path) -> None:
    put(folder, "count.py", "calls = []\ndef collect():\n    calls.append(1)\n    return {'count': len(calls)}\n")
    collect = collecting(folder)
    assert [collect()[0]["custom.count"] for _ in range(3)] == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def collect():\n    return 1 / 0\n", "ZeroDivisionError: division by zero"),
        ("raise ValueError('at once')\n", "ValueError: at once"),
        ("this is no Python\n", "SyntaxError"),
        ("import sys\ndef collect():\n    sys.exit(3)\n", "SystemExit: 3"),
        ("import no_such_module\n", "ModuleNotFoundError"),
        ("x = 1\n", "it has no function collect()"),
        ("def collect():\n    return [1]\n", "returned list"),
        ("def collect():\n    return {'UPPER': 1}\n", "'UPPER' is no name"),
    ],
)
def test_a_file_that_fails_is_named_and_stops_no_other(folder: Path, source: str, words: str) -> None:
    put(folder, "bad.py", source)
    put(folder, "good.py", "def collect():\n    return {'good': 1}\n")
    collect = collecting(folder)
    for _ in range(2):
        readings, errors = collect()
        assert readings == {"custom.good": 1.0}
        assert list(errors) == ['custom{file="bad.py"}']
        assert words in errors['custom{file="bad.py"}']


@pytest.mark.parametrize("place", ["    ", ""])
def test_a_file_that_hangs_is_named_and_stops_no_other(
    folder: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether its `collect` hangs or the file itself."""
    gate = threading.Event()
    monkeypatch.setattr(threading, "gate_of_this_test", gate, raising=False)
    wait = f"{place}threading.gate_of_this_test.wait(60)"
    put(folder, "bad.py", f"import threading\ndef collect():\n    pass\n{wait}\n{place}return_value = {{}}\n")
    put(folder, "good.py", "def collect():\n    return {'good': 1}\n")
    collect = collecting(folder)
    for _ in range(2):
        readings, errors = collect()
        assert readings == {"custom.good": 1.0}
        assert "did not answer within 2 s" in errors['custom{file="bad.py"}']
    gate.set()


def test_of_two_files_with_one_name_the_first_counts(folder: Path) -> None:
    put(folder, "a.py", "def collect():\n    return {'x': 1}\n")
    put(folder, "b.py", "def collect():\n    return {'custom.x': 2, 'y': 3}\n")
    readings, errors = collecting(folder)()
    assert readings == {"custom.x": 1.0, "custom.y": 3.0}
    assert "another file" in errors['custom{file="b.py"}']


def refused(folder: Path) -> dict[str, str]:
    """What is refused at the start, which each snapshot says again."""
    _, told = load_custom_collectors(folder)
    assert collecting(folder)()[1] == told
    return told


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666])
def test_a_file_that_others_may_write_is_refused(folder: Path, mode: int) -> None:
    put(folder, "bad.py", "raise AssertionError('it ran')\n", mode)
    put(folder, "good.py", "def collect():\n    return {'good': 1}\n")
    assert "chmod go-w" in refused(folder)['custom{file="bad.py"}']
    assert collecting(folder)()[0] == {"custom.good": 1.0}


@pytest.mark.parametrize("mode", [0o775, 0o757])
def test_a_folder_that_others_may_write_is_refused(folder: Path, mode: int) -> None:
    put(folder, "bad.py", "raise AssertionError('it ran')\n")
    folder.chmod(mode)
    assert "group or others may write" in refused(folder)["custom"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("name", ["collectors", "collectors/bad.py"])
def test_what_belongs_to_somebody_else_is_refused(folder: Path, name: str) -> None:
    put(folder, "bad.py", "raise AssertionError('it ran')\n")
    os.chown(folder.parent / name, 12345, 0)
    (reason,) = refused(folder).values()
    assert "belongs to user 12345" in reason


def test_links_pipes_and_large_files_are_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "link.py").symlink_to(put(tmp_path, "target.py", "def collect():\n    return {}\n"))
    os.mkfifo(folder / "pipe.py", 0o600)
    (folder / "folder.py").mkdir()
    put(folder, "large.py", "#" * (1024 * 1024 + 1))
    reasons = refused(folder)
    assert {part: reason.partition("is not used: ")[2][:12] for part, reason in reasons.items()} == {
        'custom{file="link.py"}': "it is a link",
        'custom{file="pipe.py"}': "it is no reg",
        'custom{file="folder.py"}': "it is no reg",
        'custom{file="large.py"}': "it is larger",
    }


def test_too_many_files_and_no_folder_are_told(folder: Path) -> None:
    for number in range(51):
        put(folder, f"{number}.py", "def collect():\n    return {}\n")
    assert "51 files, allowed are 50" in refused(folder)["custom"]
    assert "No such file" in refused(folder / "none")["custom"]


def test_an_empty_folder_costs_nothing(folder: Path) -> None:
    assert load_custom_collectors(folder) == ([], {})


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        (5, 1, "is no text"),
        ("a{b}", 1, "labels must look like"),
        ("a b", 1, "small letters"),
        ("", 1, "small letters"),
        ("a" * 300, 1, "longer than 256"),
        ('a{file="x\udcff"}', 1, "bytes that are no UTF-8"),
        ('a{file="x\0"}', 1, "cannot be printed"),
        ("a", "1", "is str, not a number"),
        ("a", True, "is bool, not a number"),
        ("a", None, "is NoneType, not a number"),
        ("a", float("nan"), "is not finite"),
        ("a", 10**400, "is too large"),
    ],
)
def test_what_is_wrong_with_a_reading_is_told_and_the_others_count(name: Any, value: Any, words: str) -> None:
    readings, (wrong,) = named_readings({name: value, "good": 1})
    assert readings == {"custom.good": 1.0}
    assert words in wrong


def test_readings_of_one_file_are_bounded() -> None:
    readings, (wrong,) = named_readings({f"r{number}": 1 for number in range(MOST_READINGS + 5)})
    assert len(readings) == MOST_READINGS
    assert "only the first 200" in wrong


KEYS = st.one_of(st.text(), st.integers(), st.from_regex(r'[a-z]{1,3}(\.[a-z]+)?(\{[a-z]="[^"]*"\})?', fullmatch=True))
VALUES = st.one_of(st.floats(), st.integers(), st.text(), st.none(), st.booleans())


@given(st.one_of(st.dictionaries(KEYS, VALUES), VALUES, st.lists(KEYS)))
def test_whatever_is_returned_only_good_readings_travel(answer: Mapping[Any, Any]) -> None:
    readings, _ = named_readings(answer)
    for name, value in readings.items():
        assert parse_reading_name(name)[0].startswith(PREFIX)
        assert len(name) <= LONGEST_NAME
        assert isinstance(value, float)


def test_many_wrong_readings_are_told_in_short(folder: Path) -> None:
    put(folder, "bad.py", "def collect():\n    return {f'BAD {n}': 1 for n in range(100)}\n")
    _, errors = collecting(folder)()
    assert errors['custom{file="bad.py"}'].startswith("100 troubles, the first of them: 'BAD 0'")


def test_all_files_together_leave_room_in_a_snapshot_and_what_is_left_out_is_told(folder: Path) -> None:
    for number in range(50):
        name = f"{number:02}.py"
        put(folder, name, f"def collect():\n    return {{f'm{number:02}.{{n}}' + 'x' * 200: n for n in range(200)}}\n")
    put(folder, "00.py", "def collect():\n    return {'first': 1}\n")
    readings, errors = collecting(folder)()
    assert "custom.first" in readings
    assert 200 <= len(readings) < 400
    assert f"{9801 - len(readings)} of 9801 readings are left out, from 'custom.m0" in errors["custom"]
    assert f"room for {MOST_BYTES // 1024} KiB" in errors["custom"]
    record = Snapshot(**stamper()(1, 1), readings=readings, interval_seconds=5.0, scope="host", errors=errors)
    assert len(encode_record(record)) < MOST_BYTES + 2048
