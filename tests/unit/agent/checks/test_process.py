"""Processes: real ones by name and command line, and a /proc written by hand."""

import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.checks.deadline import Deadline
from agent.checks.observation import Observation
from agent.checks.process import Process, ProcessCheck, living_processes
from health.state import State
from tests.waiting import wait_for


def observe(**keys: Any) -> Observation:
    return ProcessCheck(name="a", **keys).probe()(Deadline(30))


@pytest.fixture
def marker() -> Iterator[str]:
    """What stands in the command line of two processes."""
    name = f"marker-{uuid.uuid4().hex}"
    processes = [subprocess.Popen(["/bin/sh", "-c", "read -r line", name], stdin=subprocess.PIPE) for _ in range(2)]
    wait_for(lambda: observe(pattern=name).measured[0].value == 2, "both processes")
    yield name
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("keys", "state"),
    [
        ({}, State.OK),
        ({"min_count": 2, "max_count": 2}, State.OK),
        ({"min_count": 3}, State.CRITICAL),
        ({"max_count": 1}, State.CRITICAL),
        ({"program": "sh"}, State.OK),
        ({"program": "dash-not"}, State.CRITICAL),
    ],
)
def test_count_decides(marker: str, keys: dict[str, Any], state: State) -> None:
    assert observe(pattern=f" {marker[:-4]}[0-9a-f]{{4}}$", **keys).state is state


def test_a_process_that_is_gone_is_critical_and_named() -> None:
    observation = observe(program="no-such-program")
    assert observation.state is State.CRITICAL
    assert observation.output == "0 processes of no-such-program, expected are at least 1"


def written_process(proc: Path, number: int, name: str, state: str, *arguments: str) -> None:
    folder = proc / str(number)
    folder.mkdir()
    (folder / "stat").write_text(f"{number} ({name}) {state} 1 1 0")
    (folder / "cmdline").write_text("".join(f"{argument}\0" for argument in arguments))


def test_names_with_brackets_zombies_and_kernel_threads(tmp_path: Path) -> None:
    written_process(tmp_path, 1, "odd) S (name", "S", "/opt/odd")
    written_process(tmp_path, 2, "dead", "Z")
    written_process(tmp_path, 3, "kworker/0:1", "I")
    (tmp_path / "4").mkdir()
    (tmp_path / "meminfo").write_text("")
    found = sorted(living_processes(tmp_path), key=lambda process: process.name)
    assert found == [Process("kworker/0:1", ()), Process("odd) S (name", ("/opt/odd",))]


@pytest.mark.parametrize(
    ("process", "program", "is_called"),
    [
        (Process("nginx", ()), "nginx", True),
        (Process("a-rather-long-n", ("x",)), "a-rather-long-name", True),
        (Process("python3", ("/usr/bin/salt-minion", "-d")), "salt-minion", True),
        (Process("nginx", ("nginx: worker process",)), "worker", False),
    ],
)
def test_a_program_is_known_by_the_kernels_name_or_its_own(process: Process, program: str, is_called: bool) -> None:
    assert process.is_called(program) is is_called


def test_bad_settings_are_told() -> None:
    assert [key for key, _ in ProcessCheck(name="a").problems()] == ["program"]
    problems = ProcessCheck(name="a", pattern="(", min_count=3, max_count=2).problems()
    assert [key for key, _ in problems] == ["pattern", "max_count"]
