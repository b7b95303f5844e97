"""The agent as a process with its broker away: what the host knows of its checks, and does about them, by itself."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.action_journal import JOURNAL_FILE
from rabbitmq.records import Action, AnyRecord, Evidence, Hello, Snapshot
from tests.unit.agent.spools import kept_in
from tests.waiting import wait_for

ARMED = (
    "import os, sys; from faults.boundary import VARIABLE, arm; from agent.main import main\n"
    "if os.environ.get(VARIABLE): arm(os.environ[VARIABLE])\n"
    "sys.exit(main(sys.argv[1:]))"
)
SETTINGS = """\
name = "web-3"
group = "web"
interval_seconds = 1
rabbitmq_port = 1
state_dir = "{folder}/state"
labels = {{ rack = "r7" }}

[[checks]]
kind = "command"
name = "trouble"
command = ["/bin/sh", "-c", "if test -e {folder}/trouble; then echo it is there; exit 2; fi; echo fine"]
interval_seconds = 1
retry_interval_seconds = 1
attempts = 1

[[actions]]
name = "cure"
command = ["{folder}/cure"]
checks = ["trouble"]
states = ["critical"]
attempts = 3
cooldown_seconds = 0
"""
CURE = 'echo "$HEALTHMON_STATE $HEALTHMON_PREVIOUS_STATE $HEALTHMON_CHECK $HEALTHMON_ATTEMPT" >> {folder}/ran'


class Host:
    """A folder with settings, a trouble that can be made, and agents that are started and killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = folder / "agent.toml"
        self.settings.write_text(SETTINGS.format(folder=folder))
        self.cure(CURE.format(folder=folder))
        self.process: subprocess.Popen[bytes] | None = None

    def cure(self, command: str) -> None:
        (self.folder / "cure").write_text(f"#!/bin/sh\n{command}\n")
        (self.folder / "cure").chmod(0o755)

    def trouble(self) -> None:
        (self.folder / "trouble").touch()

    def environment(self, kill_at: str = "") -> dict[str, str]:
        told = {"HEALTHMON_AGENT_FILE": str(self.settings), "FAULTS_KILL_AT": kill_at, "LOG_LEVEL": "ERROR"}
        return {**os.environ, **told}

    def start(self, kill_at: str = "") -> None:
        self.process = subprocess.Popen([sys.executable, "-c", ARMED, "run"], env=self.environment(kill_at))

    def wait_for_death(self) -> None:
        assert self.process is not None
        assert self.process.wait(60) == -signal.SIGKILL

    def end(self, number: int = signal.SIGTERM) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(60)

    def status(self) -> dict[str, Any]:
        told = self._call("status", "--json")
        return json.loads(told) if told else {}

    def status_text(self) -> str:
        return self._call("status")

    def state(self) -> str | None:
        checks = self.status().get("checks", [])
        return next((check["state"] for check in checks if check["name"] == "trouble"), None)

    def wait_for_state(self, state: str) -> None:
        wait_for(lambda: self.state() == state, f"trouble is {state}")

    def wait_until_told(self) -> None:
        """Until an action was begun and nothing of it is left to do."""
        wait_for(self._is_told, "an empty journal")

    def wait_for_snapshots(self, count: int) -> None:
        before = wait_for(self.status, "a status")["last_seq"]
        wait_for(lambda: self.status()["last_seq"] >= before + count, f"{count} more records")

    def runs(self) -> list[str]:
        file = self.folder / "ran"
        return file.read_text().splitlines() if file.exists() else []

    def records(self, kind: type[AnyRecord]) -> list[Any]:
        """Those in the spool of an agent that has ended."""
        bodies = kept_in(self.folder / "state/slots/0/spool.sqlite3").values()
        return [
            record for body in bodies for record in [msgspec.json.decode(body, type=AnyRecord)] if type(record) is kind
        ]

    def _is_told(self) -> bool:
        file = self.folder / "state/slots/0" / JOURNAL_FILE
        told = json.loads(file.read_text()) if file.exists() else {"entries": [], "tried": []}
        return bool(told["tried"]) and not told["entries"]

    def _call(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "agent", *arguments]
        return subprocess.run(command, env=self.environment(), capture_output=True, text=True, check=False).stdout


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    one = Host(tmp_path)
    yield one
    one.end(signal.SIGKILL)


def test_a_check_that_turns_critical_is_shown_acted_on_once_and_kept_for_the_hub(host: Host) -> None:
    host.start()
    host.wait_for_state("ok")
    host.trouble()
    host.wait_for_state("critical")
    host.wait_until_told()
    first_line = host.status_text().splitlines()[0]
    assert first_line.startswith("web-3  CRITICAL for ")
    assert first_line.endswith("   trouble: it is there")
    host.wait_for_snapshots(3)
    host.end()
    assert host.runs() == ["critical ok trouble 1"]
    (action,) = host.records(Action)
    assert (action.name, action.rule, action.subject) == ("cure", "check", 'check="trouble"')
    assert (action.state, action.attempt, action.outcome, action.exit_code) == ("critical", 1, "done", 0)
    (evidence,) = host.records(Evidence)
    assert (evidence.subject, evidence.state) == ('check="trouble"', "critical")
    assert evidence.samples
    assert evidence.processes
    results = [result.state for snapshot in host.records(Snapshot) for result in snapshot.checks]
    assert results.index("critical") == results.count("ok")
    hello = host.records(Hello)[0]
    assert (hello.group, hello.labels, hello.checks) == ("web", {"rack": "r7"}, ["trouble"])


def test_the_state_outlives_the_agent_and_ends_with_the_trouble(host: Host) -> None:
    host.trouble()
    host.start()
    host.wait_for_state("critical")
    host.wait_until_told()
    (check,) = [check for check in host.status()["checks"] if check["name"] == "trouble"]
    host.end(signal.SIGKILL)
    host.start()
    host.wait_for_snapshots(3)
    assert [c["since"] for c in host.status()["checks"] if c["name"] == "trouble"] == [check["since"]]
    (host.folder / "trouble").unlink()
    host.wait_for_state("ok")
    host.trouble()
    wait_for(lambda: len(host.runs()) == 2, "the second trouble's cure")
    assert host.runs() == ["critical ok trouble 1"] * 2


BOUNDARIES = [
    ("before agent.local_state:LocalState.observe_check 1", 1),
    ("before agent.action_journal:Journal.due 1", 1),
    ("after agent.action_journal:Journal.due 1", 1),
    ("before agent.local_actions:LocalActions.run 1", 1),
    ("before agent.action_journal:Journal.started 1", 1),
    ("after agent.action_journal:Journal.started 1", 0),
    ("before agent.action_runner:run_child 1", 0),
    ("after agent.action_runner:run_child 1", 1),
    ("before agent.action_journal:Journal.ended 1", 1),
    ("after agent.action_journal:Journal.ended 1", 1),
    ("before agent.action_journal:Journal.forget 1", 1),
    ("after agent.action_journal:Journal.forget 1", 1),
]


@pytest.mark.parametrize(("boundary", "runs"), BOUNDARIES)
def test_an_agent_that_is_killed_never_runs_an_action_twice(host: Host, boundary: str, runs: int) -> None:
    host.trouble()
    host.start(kill_at=boundary)
    host.wait_for_death()
    host.start()
    host.wait_until_told()
    host.wait_for_state("critical")
    host.wait_for_snapshots(3)
    host.end()
    assert host.runs() == ["critical ok trouble 1"] * runs
    (action,) = host.records(Action)
    assert action.attempt == 1
    if not runs:
        assert (action.outcome, action.output) == ("failed", "the agent ended while it ran")


def test_an_action_that_kills_its_agent_is_not_run_again(host: Host) -> None:
    host.cure(f"{CURE.format(folder=host.folder)}; kill -9 $PPID")
    host.trouble()
    host.start()
    host.wait_for_death()
    host.start()
    host.wait_until_told()
    host.wait_for_snapshots(3)
    host.end()
    assert host.runs() == ["critical ok trouble 1"]
    assert [action.output for action in host.records(Action)] == ["the agent ended while it ran"]


def test_a_command_that_others_can_write_stops_the_agent_at_its_start(host: Host) -> None:
    (host.folder / "cure").chmod(0o757)
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-m", "agent", "run"], env=host.environment(), capture_output=True, text=True, check=False
    )
    assert (ended.returncode, time.monotonic() - began < 60) == (2, True)
    assert ended.stderr.startswith(
        f"{host.settings}: actions (cure).command: {host.folder}/cure can be written by others"
    )
    assert not (host.folder / "state").exists()
