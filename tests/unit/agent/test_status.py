"""Status: the file and its words."""

import json
import re
from pathlib import Path

import msgspec
import pytest

from agent.status import STATUS_FILE, Status, read_statuses, write_status
from agent.status_text import state_word, status_json, status_lines

NOW = 1_800_000_000.0
GOOD = Status(
    agent_id="0123456789abcdef",
    name="web-3",
    machine="box",
    scope="host",
    version="0.1.0",
    process_id=7,
    running=True,
    written_seconds=NOW - 2,
    started_seconds=NOW - 3 * 86400,
    interval_seconds=5.0,
    collectors=9,
    errors={},
    hub="rabbitmq:5672",
    hub_state="connected",
    hub_since_seconds=NOW - 600,
    hub_why="",
    hub_advice="",
    last_confirmed_seconds=NOW - 2,
    epoch=1,
    last_seq=10,
    waiting=0,
    lost=0,
)
REFUSED = msgspec.structs.replace(
    GOOD,
    hub_state="disconnected",
    hub_since_seconds=NOW - 240,
    hub_why="login refused for user 'x'",
    hub_advice="Check the password.",
    waiting=24,
)
STARTING = msgspec.structs.replace(
    GOOD, hub_state="disconnected", hub_since_seconds=NOW - 2, started_seconds=NOW - 2, last_confirmed_seconds=None
)


def slot(state_folder: Path, number: int) -> Path:
    folder = state_folder / "slots" / str(number)
    folder.mkdir(parents=True)
    return folder


def test_what_is_written_is_read_also_after_a_longer_text(tmp_path: Path) -> None:
    folder = slot(tmp_path, 0)
    write_status(folder, msgspec.structs.replace(GOOD, errors={"disk": "x" * 9000}))
    write_status(folder, GOOD)
    assert read_statuses(tmp_path, machine="box") == [GOOD]
    assert (folder / STATUS_FILE).stat().st_size == 4096


def test_replicas_of_other_machines_and_broken_files_are_left_out(tmp_path: Path) -> None:
    write_status(slot(tmp_path, 2), GOOD)
    write_status(slot(tmp_path, 0), msgspec.structs.replace(GOOD, machine="other"))
    (slot(tmp_path, 1) / STATUS_FILE).write_text("half a fi")
    slot(tmp_path, 10)
    assert read_statuses(tmp_path, machine="box") == [GOOD]


@pytest.mark.parametrize(
    ("status", "now", "word", "first_line"),
    [
        (GOOD, NOW, "ok", "web-3  ok  last sent 2 s ago, 0 waiting, 0 lost"),
        (REFUSED, NOW, "NOT CONNECTED", "web-3  NOT CONNECTED  for 4 min, 24 waiting, 0 lost"),
        (STARTING, NOW, "starting", "web-3  starting  for 2 s, 0 waiting, 0 lost"),
        (STARTING, NOW + 7200, "NOT RUNNING", "web-3  NOT RUNNING  since 2 h, 0 waiting, 0 lost"),
        (GOOD, NOW + 7200, "NOT RUNNING", "web-3  NOT RUNNING  since 2 h, 0 waiting, 0 lost. Start it: "),
        (msgspec.structs.replace(GOOD, running=False), NOW, "NOT RUNNING", "web-3  NOT RUNNING  since 2 s"),
    ],
)
def test_the_answer_is_on_line_one(status: Status, now: float, word: str, first_line: str) -> None:
    assert state_word(status, now) == word
    assert status_lines(status, now)[0].startswith(first_line)


def test_a_missing_hub_is_told_with_its_cause_and_what_to_do() -> None:
    hub_line = next(line for line in status_lines(REFUSED, NOW) if line.startswith("  hub"))
    assert "login refused for user 'x'. Check the password." in hub_line


def test_an_agent_that_has_only_just_started_is_not_accused() -> None:
    hub_line = next(line for line in status_lines(STARTING, NOW) if line.startswith("  hub"))
    assert hub_line == "  hub      rabbitmq:5672, first attempt to connect"


def test_a_disk_that_refuses_is_told_in_its_own_words() -> None:
    lines = status_lines(msgspec.structs.replace(GOOD, errors={"spool": "the disk refuses", "disk": "no mounts"}), NOW)
    assert "  spool    the disk refuses" in lines
    assert "  disk     not measured: no mounts" in lines


def test_nothing_a_host_tells_can_move_the_cursor_or_forge_a_line() -> None:
    hostile = msgspec.structs.replace(GOOD, name="web\x1b[2J", errors={"disk\r": "why\nweb-4  ok"}, hub="\x9bm")
    lines = status_lines(hostile, NOW)
    assert all(line.isprintable() for line in lines)
    assert lines[0].startswith("web\\x1b[2J  ok  ")
    assert any("not measured: why\\nweb-4  ok" in line for line in lines)


def test_it_is_stale_after_three_missed_intervals_and_some_grace() -> None:
    assert GOOD.is_fresh(GOOD.written_seconds + 24.9)
    assert not GOOD.is_fresh(GOOD.written_seconds + 25.0)


def test_a_clock_that_was_set_back_keeps_no_dead_agent_alive() -> None:
    assert GOOD.is_fresh(GOOD.written_seconds - 9.9)
    assert not GOOD.is_fresh(GOOD.written_seconds - 10.0)


def test_json_has_a_schema_the_state_and_times_in_utc() -> None:
    told = json.loads(status_json(REFUSED, NOW))
    assert (told["schema"], told["state"], told["interval_seconds"]) == ("agent-status/1", "NOT CONNECTED", 5.0)
    for name in ("written", "started", "hub_since", "last_confirmed"):
        assert re.fullmatch(r"2027-01-1\dT\d\d:\d\d:\d\d\+00:00", told[name]), told[name]


def test_a_hub_without_room_is_named_with_its_reason() -> None:
    full = msgspec.structs.replace(
        GOOD,
        hub_state="blocked",
        hub_since_seconds=NOW - 30,
        hub_why="the broker is short of disk or memory",
        waiting=6,
    )
    lines = status_lines(full, NOW)
    assert lines[0] == "web-3  HUB FULL  for 30 s, 6 waiting, 0 lost"
    assert "rabbitmq:5672 blocked: the broker is short of disk or memory." in lines[2]


def test_what_is_switched_off_is_said() -> None:
    lines = status_lines(msgspec.structs.replace(GOOD, switched_off=["disk", "swap"]), NOW)
    assert "  off      disk, swap: not measured, switched off" in lines
    assert not any("switched off" in line for line in status_lines(GOOD, NOW))
