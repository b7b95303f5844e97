"""`healthmon simulate` hands over to the simulator, or says what is missing for it."""

import subprocess
import sys

import pytest

from cli.exits import ExitCode
from cli.main import run
from cli.terminal import Terminal
from cli.verbs import simulate


def test_the_simulator_reads_the_options() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "cli", "simulate", "--agents", "0"], capture_output=True, text=True, check=False
    )
    assert ended.returncode == ExitCode.USAGE
    assert "--agents: give a whole number from 1 to 5,000" in ended.stderr


def test_its_help_is_the_simulators() -> None:
    ended = subprocess.run([sys.executable, "-m", "cli", "simulate", "--help"], capture_output=True, check=True)
    assert b"usage: healthmon simulate" in ended.stdout


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(simulate, "NEEDED", ("json", "no_such_library"))
    assert run(["simulate", "--agents", "1"], Terminal(environment={})) == ExitCode.UNREACHABLE
    told = " ".join(capsys.readouterr().err.split())
    assert "Not installed here: no_such_library" in told
    assert "docker-compose exec helpdesk healthmon simulate" in told
