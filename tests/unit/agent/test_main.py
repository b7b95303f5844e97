"""The command line: exit codes, colour, and what goes where."""

import os
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from agent.main import main
from agent.status import write_status
from rabbitmq.version import __version__
from tests.unit.agent.test_status import GOOD, STARTING, slot


@pytest.fixture
def state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEALTHMON_STATE_DIR", str(tmp_path))
    return tmp_path


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert capsys.readouterr().out == f"healthmon-agent {__version__}\n"


def test_a_command_is_required() -> None:
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2


def test_status_where_no_agent_ever_ran(state_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status"]) == 1
    assert "Start it: healthmon-agent run" in capsys.readouterr().err
    assert list(state_folder.iterdir()) == []


def test_status_shows_the_agent_that_runs_and_not_one_that_is_gone(
    state_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = os.uname().nodename
    write_status(slot(state_folder, 0), msgspec.structs.replace(GOOD, machine=here, name="gone", written_seconds=1.0))
    write_status(
        slot(state_folder, 1), msgspec.structs.replace(GOOD, machine=here, name="alive", written_seconds=time.time())
    )
    assert main(["status"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("alive  ok  ")
    assert "gone" not in told


def test_a_reader_that_leaves_early_is_no_error(state_folder: Path) -> None:
    write_status(slot(state_folder, 0), msgspec.structs.replace(GOOD, machine=os.uname().nodename))
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [sys.executable, "-m", "agent", "status"], stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)
    assert ended.returncode in (0, 1)
    assert ended.stderr == ""


def test_status_of_an_agent_that_died_is_a_failed_health_check(
    state_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_status(slot(state_folder, 0), msgspec.structs.replace(GOOD, machine=os.uname().nodename, written_seconds=1.0))
    assert main(["status", "--color=always"]) == 1
    assert capsys.readouterr().out.startswith("web-3  \x1b[1;31mNOT RUNNING\x1b[0m  ")


def test_status_of_an_agent_that_starts_is_neither_good_nor_bad(
    state_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    starting = msgspec.structs.replace(STARTING, machine=os.uname().nodename, written_seconds=time.time())
    write_status(slot(state_folder, 0), starting)
    assert main(["status", "--color=always"]) == 0
    assert capsys.readouterr().out.startswith("web-3  \x1b[0mstarting\x1b[0m  ")


def test_status_as_json_holds_no_colour(state_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = msgspec.structs.replace(GOOD, machine=os.uname().nodename, written_seconds=time.time())
    write_status(slot(state_folder, 0), status)
    assert main(["status", "--json", "--color=always"]) == 0
    told = msgspec.json.decode(capsys.readouterr().out)
    assert (told["state"], told["name"]) == ("ok", "web-3")


def test_bad_settings_are_told_on_standard_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HEALTHMON_INTERVAL_SECONDS", "often")
    assert main(["status"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "HEALTHMON_INTERVAL_SECONDS" in told.err


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_an_agent_that_is_root_obeys_no_file_that_others_can_write(
    state_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = state_folder / "agent.toml"
    file.write_text('group = "web"\n')
    file.chmod(0o666)
    monkeypatch.setenv("HEALTHMON_AGENT_FILE", str(file))
    assert main(["run"]) == 2
    assert f"{file} can be written by others; take that right away: chmod o-w {file}." in capsys.readouterr().err
    assert not (state_folder / "slots").exists()
    assert main(["status"]) == 1, "who only looks is not refused"


def test_a_bad_log_level_is_told_before_anything_starts(
    state_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOG_LEVEL", "LOUD")
    monkeypatch.setenv("HEALTHMON_INTERVAL_SECONDS", "often")
    assert main(["run"]) == 2
    told = capsys.readouterr().err
    assert "LOG_LEVEL" in told
    assert "HEALTHMON_INTERVAL_SECONDS" in told, "all that is wrong is told at once"
    assert list(state_folder.iterdir()) == []


def test_an_internal_error_is_told_and_ends_with_its_own_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_options: object, _settings: object) -> int:
        raise RuntimeError("an error of ours")

    monkeypatch.setattr("agent.main._version", broken)
    assert main(["version"]) == 70
    assert "RuntimeError: an error of ours" in capsys.readouterr().err
