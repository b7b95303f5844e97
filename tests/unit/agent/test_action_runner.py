"""Running actions: real commands, their outcome, their end."""

import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from agent.action_journal import JOURNAL_FILE, Journal
from agent.action_runner import ActionRunner, Run
from tests.processes import processes_with, wait_until_gone
from tests.unit.agent.local import script
from tests.unit.agent.test_action_journal import entry
from tests.waiting import wait_for


class Running:
    """A runner with its journal; `run` waits for the outcome."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.woken = threading.Event()
        self.journal = Journal(folder)
        self.runner = ActionRunner(self.journal, self.woken.set)

    def begin(self, command: str, *arguments: str, timeout_seconds: float = 20.0, **environment: str) -> None:
        told = msgspec.structs.replace(
            entry(), command=(command, *arguments), environment=environment, timeout_seconds=timeout_seconds
        )
        self.runner.run(self.journal.due(told))

    def run(self, command: str, *arguments: str, timeout_seconds: float = 20.0, **environment: str) -> Run:
        self.begin(command, *arguments, timeout_seconds=timeout_seconds, **environment)
        assert self.woken.wait(30)
        (run,) = self.runner.take()
        return run


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    one = Running(tmp_path)
    yield one
    one.runner.stop()


def test_a_command_that_succeeds(running: Running) -> None:
    run = running.run(
        script(running.folder, 'echo "$HEALTHMON_STATE $1"; echo err >&2'), "a;b", HEALTHMON_STATE="critical"
    )
    assert (run.ended.outcome, run.ended.exit_code, run.ended.output) == ("done", 0, "critical a;b\nerr")
    assert run.entry.step == "started"
    assert run.ended.duration_seconds > 0


def test_its_environment_is_clean(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEALTHMON_RABBITMQ_PASSWORD", "secret")
    assert "secret" not in running.run("/usr/bin/env", ONE="1").ended.output


def test_a_command_that_fails_with_much_to_say(running: Running) -> None:
    ended = running.run(script(running.folder, "head -c 100000 /dev/zero | tr '\\0' x; echo last; exit 3")).ended
    assert (ended.outcome, ended.exit_code) == ("failed", 3)
    assert len(ended.output) == 4096


def test_a_command_that_hangs_is_killed_with_its_children(running: Running) -> None:
    marker = f"HEALTHMON_TEST_ACTION={running.folder}"
    command = script(running.folder, "sleep 600 & sleep 600")
    ended = running.run(command, timeout_seconds=0.5, HEALTHMON_TEST_ACTION=str(running.folder)).ended
    assert (ended.outcome, ended.exit_code, ended.output) == ("timed-out", None, "killed after 0.5 s")
    wait_until_gone(marker)


def test_a_file_that_became_unsafe_is_not_run(running: Running) -> None:
    ran = running.folder / "ran"
    file = script(running.folder, f"touch {ran}")
    Path(file).chmod(0o777)
    run = running.run(file)
    assert (run.ended.outcome, run.entry.step) == ("failed", "due")
    assert run.ended.output.startswith("not run: ")
    assert not ran.exists()


def test_without_a_journal_nothing_is_run(running: Running) -> None:
    ran = running.folder / "ran"
    (running.folder / JOURNAL_FILE).unlink(missing_ok=True)
    (running.folder / JOURNAL_FILE).mkdir()
    running.runner.run(msgspec.structs.replace(entry(1), command=(script(running.folder, f"touch {ran}"),)))
    assert running.woken.wait(30)
    (run,) = running.runner.take()
    assert "the journal cannot be written" in run.ended.output
    assert not ran.exists()


def test_they_run_one_after_the_other(running: Running) -> None:
    command = script(running.folder, f"mkdir {running.folder}/lock && sleep 0.2 && rmdir {running.folder}/lock")
    for _ in range(3):
        running.begin(command)
    found: list[Run] = []

    def all_taken() -> bool:
        found.extend(running.runner.take())
        return len(found) == 3

    wait_for(all_taken, "three runs")
    assert [run.ended.outcome for run in found] == ["done"] * 3


def test_an_agent_that_stops_ends_what_runs_and_says_so(running: Running) -> None:
    marker = f"HEALTHMON_TEST_ACTION={running.folder}"
    running.begin(script(running.folder, "sleep 600"), HEALTHMON_TEST_ACTION=str(running.folder))
    wait_for(lambda: processes_with(marker), "the command")
    running.runner.stop()
    (run,) = running.runner.take()
    assert run.ended.output == "the agent was stopped while it ran"
    wait_until_gone(marker)


def test_without_room_for_a_thread_it_is_told_and_the_next_runs(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_room)
        ended = running.run("/bin/true").ended
    assert (ended.outcome, ended.output) == ("failed", "not run: can't start new thread")
    running.woken.clear()
    assert running.run("/bin/true").ended.outcome == "done"
    assert running.runner._thread is not None


def test_what_no_record_can_hold_of_its_output_is_left_out(running: Running) -> None:
    ended = running.run(script(running.folder, "printf 'a\\0b\\033[31mc\\td'")).ended
    assert ended.output == "ab[31mc\td"


def test_a_command_out_of_reach_is_told_and_holds_up_no_other(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_group: int, _signal: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    go_on = running.folder / "go on"
    with monkeypatch.context() as patch:
        patch.setattr("os.killpg", refuse)
        command = script(running.folder, f"while ! test -e '{go_on}'; do sleep 0.05; done")
        ended = running.run(command, timeout_seconds=0.3).ended
        running.woken.clear()
        assert running.run("/bin/true").ended.outcome == "done"
    go_on.touch()
    assert ended.outcome == "timed-out"
    assert "could not be killed because it runs as another user, and goes on by itself" in ended.output
