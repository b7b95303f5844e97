"""Commands: what they get, what is kept of what they write, and that nothing of them lives on."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from agent.checks.account import Account
from agent.checks.child import MOST_BYTES, CannotStart, Ended, NotKilled, run_child
from agent.checks.deadline import Deadline, TimeIsUp
from tests.processes import processes_with, wait_until_gone
from tests.waiting import wait_for

ENOUGH_SECONDS = 30.0


def shell(script: str, seconds: float = ENOUGH_SECONDS, **variables: str) -> Ended:
    return run_child(["/bin/sh", "-c", script], Deadline(seconds), environment=variables)


def test_output_error_output_and_exit_code_are_told_apart() -> None:
    assert shell("echo out; echo error >&2; exit 7") == Ended(7, "out\n", "error\n")


def test_a_signal_is_a_negative_exit_code() -> None:
    assert shell("kill -TERM $$").exit_code == -15


def test_arguments_reach_the_program_as_they_are() -> None:
    assert run_child(["/bin/echo", "$HOME", ";", "a  b"], Deadline(ENOUGH_SECONDS)).output == "$HOME ; a  b\n"


def test_the_environment_is_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEALTHMON_RABBITMQ_PASSWORD", "hunter2")
    output = run_child(["/usr/bin/env"], Deadline(ENOUGH_SECONDS), environment={"MINE": "1"}).output
    names = {line.partition("=")[0] for line in output.splitlines()}
    assert names == {"PATH", "LC_ALL", "HOME", "USER", "MINE"}


def test_output_is_capped_and_the_command_is_not_held_up_by_it() -> None:
    ended = shell(f"head -c {MOST_BYTES * 20} /dev/zero | tr '\\0' x; echo x >&2; exit 2")
    assert (ended.exit_code, len(ended.output), ended.error_output) == (2, MOST_BYTES, "x\n")


def test_the_whole_group_ends_when_the_time_is_up() -> None:
    marker = f"CHILD_TEST={os.getpid()}-timeout"
    with pytest.raises(TimeIsUp, match=r"timed out: no answer within 0\.5 s"):
        shell("sleep 300 & trap '' TERM; sleep 300", 0.5, CHILD_TEST=marker.partition("=")[2])
    wait_until_gone(marker)


def test_a_command_that_closed_its_output_is_waited_for_and_ended() -> None:
    assert shell("exec >&- 2>&-; sleep 0.2; exit 3").exit_code == 3
    with pytest.raises(TimeIsUp):
        shell("exec >&- 2>&-; sleep 300", 0.3)


def test_what_a_command_leaves_behind_ends_with_it_and_is_not_waited_for() -> None:
    marker = f"CHILD_TEST={os.getpid()}-left"
    ended = shell("sleep 300 & echo fine", CHILD_TEST=marker.partition("=")[2])
    assert (ended.exit_code, ended.output) == (0, "fine\n")
    wait_until_gone(marker)


def test_a_frozen_command_ends_too() -> None:
    marker = f"CHILD_TEST={os.getpid()}-frozen"
    with pytest.raises(TimeIsUp):
        shell("kill -STOP $$; echo never", 0.5, CHILD_TEST=marker.partition("=")[2])
    wait_until_gone(marker)


def test_a_stopping_agent_ends_its_commands() -> None:
    marker = f"CHILD_TEST={os.getpid()}-stopping"
    stopping = threading.Event()
    ended = threading.Event()

    def work() -> None:
        with suppress(TimeIsUp):
            run_child(
                ["/bin/sleep", "300"],
                Deadline(300, stopping),
                environment={"CHILD_TEST": marker.partition("=")[2]},
            )
        ended.set()

    threading.Thread(target=work, daemon=True).start()
    wait_for(lambda: processes_with(marker), "the command")
    stopping.set()
    assert ended.wait(60)
    wait_until_gone(marker)


def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="No such file"):
        run_child([f"{tmp_path}/none"], Deadline(ENOUGH_SECONDS))
    (tmp_path / "text").write_text("no program")
    with pytest.raises(CannotStart, match="Permission denied"):
        run_child([f"{tmp_path}/text"], Deadline(ENOUGH_SECONDS))


def test_nothing_starts_when_the_time_is_up_already(tmp_path: Path) -> None:
    with pytest.raises(TimeIsUp):
        run_child(["/usr/bin/touch", f"{tmp_path}/started"], Deadline(0))
    assert not (tmp_path / "started").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run a command as another user")
def test_a_command_runs_as_the_user_with_none_of_the_agents_groups() -> None:
    """The agent here is a process of its own that has groups to give away."""
    program = """
from agent.checks.child import run_child
from agent.checks.deadline import Deadline
print(run_child(["/bin/sh", "-c", "id -un; id -G; echo $USER"], Deadline(30), user="nobody").output)
"""
    agent = subprocess.run(
        [sys.executable, "-c", program], extra_groups=[4, 27], stdout=subprocess.PIPE, text=True, check=True
    )
    user, groups, variable = agent.stdout.split("\n")[:3]
    assert (user, variable) == ("nobody", "nobody")
    assert (
        groups == subprocess.run(["id", "-G", "nobody"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    )


def test_a_user_who_left_is_told() -> None:
    with pytest.raises(CannotStart, match="no user nobody-at-all"):
        run_child(["/bin/true"], Deadline(ENOUGH_SECONDS), user="nobody-at-all")


def test_an_agent_under_a_number_without_a_name_runs_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000)
    assert Account.of(None) == Account("4000000", "/")


def test_a_command_reads_what_it_is_given_and_may_leave_the_rest() -> None:
    content = b"x" * 500_000
    assert run_child(["/usr/bin/wc", "-c"], Deadline(ENOUGH_SECONDS), content=content).output == "500000\n"
    assert run_child(["/usr/bin/head", "-c", "2"], Deadline(ENOUGH_SECONDS), content=content).output == "xx"
    assert shell("cat").output == ""


def test_files_of_a_command_are_as_open_as_those_of_a_system_service() -> None:
    before = os.umask(0o077)
    try:
        assert shell("umask").output == "0022\n"
    finally:
        os.umask(before)


@pytest.fixture
def out_of_reach(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if commands ran as another user, until the test ends."""
    kill, groups = os.killpg, []

    def refuse(group: int, _signal: int) -> None:
        groups.append(group)
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "killpg", refuse)
    yield
    for group in groups:
        with suppress(ProcessLookupError):
            kill(group, signal.SIGKILL)


@pytest.mark.usefixtures("out_of_reach")
def test_a_command_that_cannot_be_killed_is_not_waited_for_nor_started_again_nor_left_a_zombie(tmp_path: Path) -> None:
    file = tmp_path / "go on"
    command = ["/bin/sh", "-c", f"while ! test -e '{file}'; do sleep 0.05; done"]
    with pytest.raises(
        NotKilled, match=r"no answer within 0\.3 s; process \d+ could not be killed because .* by itself"
    ):
        run_child(command, Deadline(0.3))
    with pytest.raises(CannotStart, match="could not be killed, runs still"):
        run_child(command, Deadline(0.3))
    file.touch()
    wait_for(lambda: not [thread for thread in threading.enumerate() if thread.name == "left behind"], "its end")
    assert not psutil.Process().children()
    assert run_child(command, Deadline(ENOUGH_SECONDS)).exit_code == 0


BECOMES_ROOT = """
import os, sys
from agent.checks.child import run_child
from agent.checks.deadline import Deadline, TimeIsUp
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
try:
    run_child([sys.argv[1], "-c", "import os, time; os.setuid(0); time.sleep(5)"], Deadline(1))
except TimeIsUp as over:
    print(over)
"""
SYSTEM_PYTHON = Path("/usr/bin/python3")


@pytest.mark.skipif(os.geteuid() != 0 or not SYSTEM_PYTHON.exists(), reason="needs root and a Python that all can read")
def test_a_program_that_became_root_is_told() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        program = shutil.copy(SYSTEM_PYTHON.resolve(), folder)
        Path(program).chmod(0o4755)
        said = subprocess.run(
            [sys.executable, "-c", BECOMES_ROOT, program], stdout=subprocess.PIPE, text=True, check=True, timeout=60
        )
    assert "could not be killed because it runs as another user" in said.stdout
