"""Units of systemd: what systemctl shows, and hosts that have none."""

from pathlib import Path

import pytest

from agent.checks import child
from agent.checks.deadline import Deadline
from agent.checks.observation import Observation
from agent.checks.unit import UnitCheck, unit_observation
from health.state import State


def shown(active: str, sub: str, result: str = "success", kind: str = "simple", restarts: str = "0") -> Observation:
    properties = {"LoadState": "loaded", "ActiveState": active, "SubState": sub, "Result": result, "Type": kind}
    return unit_observation("a.service", properties | {"NRestarts": restarts})


@pytest.mark.parametrize(
    ("observation", "state"),
    [
        (shown("active", "running"), State.OK),
        (shown("active", "exited", kind="oneshot"), State.OK),
        (shown("reloading", "reload"), State.OK),
        (shown("inactive", "dead", kind="oneshot"), State.OK),
        (shown("inactive", "dead"), State.CRITICAL),
        (shown("inactive", "dead", "exit-code", "oneshot"), State.CRITICAL),
        (shown("failed", "failed", "signal"), State.CRITICAL),
        (shown("activating", "start-pre"), State.WARNING),
        (shown("deactivating", "stop-sigterm"), State.WARNING),
        (shown("activating", "auto-restart", "exit-code"), State.CRITICAL),
    ],
)
def test_the_state_of_a_unit(observation: Observation, state: State) -> None:
    assert observation.state is state


def test_the_reason_is_told_and_restarts_are_counted() -> None:
    observation = shown("failed", "failed", "oom-kill", restarts="3")
    assert observation.output == "a.service is failed (failed), result oom-kill"
    assert [(each.label, each.unit, each.value) for each in observation.measured] == [("restarts", "c", 3.0)]


@pytest.mark.parametrize("load", ["not-found", "masked", "error"])
def test_a_unit_that_is_not_there_is_critical(load: str) -> None:
    observation = unit_observation("a.service", {"LoadState": load})
    assert observation.state is State.CRITICAL
    assert load in observation.output


def systemctl(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = folder / "systemctl"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(child, "PATH", f"{folder}:{child.PATH}")


def observe() -> Observation:
    return UnitCheck(name="a", unit="a.service").probe()(Deadline(30))


def test_systemctl_is_asked_for_the_unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = 'echo "LoadState=loaded"; echo "ActiveState=failed"; echo "SubState=$4=$3"'
    systemctl(tmp_path, monkeypatch, script)
    assert observe().output == "a.service is failed (a.service=--)"


def test_without_systemd_it_is_unknown_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    systemctl(tmp_path, monkeypatch, "echo 'System has not been booted with systemd' >&2; exit 1")
    assert observe() == Observation(State.UNKNOWN, "systemd cannot be asked: System has not been booted with systemd")
    monkeypatch.setattr(child, "PATH", str(tmp_path / "empty"))
    assert observe().state is State.UNKNOWN
    assert "systemctl cannot be started" in observe().output
