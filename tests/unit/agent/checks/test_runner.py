"""The runner with its threads: results, changes, what hangs, and an end without remains."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest

from agent.check_settings import CheckSetting
from agent.checks.command import CommandCheck
from agent.checks.deadline import Deadline
from agent.checks.observation import Observation, Probe
from agent.checks.runner import LONGEST_OUTPUT, CheckRunner, FinishedCheck
from agent.checks.timetable import MOST_AT_ONCE
from agent.performance_data import Measured
from health.state import State
from tests.processes import processes_with, wait_until_gone
from tests.unit.agent.checks.imagined import CRITICAL, OK, ImaginedCheck
from tests.waiting import wait_for


@contextmanager
def running(checks: Sequence[CheckSetting], wake: Callable[[], None] = lambda: None) -> Iterator[CheckRunner]:
    runner = CheckRunner(checks, wake)
    runner.start()
    yield runner
    runner.stop()


def imagined(make: Probe, name: str = "a", interval: float = 0.02, timeout: float = 60.0) -> ImaginedCheck:
    return ImaginedCheck(
        name=name, make=make, interval_seconds=interval, retry_interval_seconds=interval, timeout_seconds=timeout
    )


def take(runner: CheckRunner, count: int) -> list[FinishedCheck]:
    taken: list[FinishedCheck] = []

    def enough() -> bool:
        taken.extend(runner.take())
        return len(taken) >= count

    wait_for(enough, f"{count} results")
    return taken


def test_a_result_says_what_was_seen_and_its_data_are_readings() -> None:
    observation = Observation(State.WARNING, "slow\x1b[31m\n" + "x" * 9000, (Measured("time", "ms", 1500.0),))
    with running([imagined(lambda _: observation, "web")]) as runner:
        assert runner.names() == ["web"]
        first = take(runner, 1)[0]
    assert (first.result.name, first.result.kind, first.result.state) == ("web", "imagined", "warning")
    assert first.result.attempts == 3
    assert first.result.output.startswith("slow[31m\nxxx")
    assert len(first.result.output) == LONGEST_OUTPUT
    assert first.readings == {'check.seconds{check="web",label="time"}': 1.5}


def test_the_agent_is_woken_by_changes_only() -> None:
    seen = iter([OK, OK, CRITICAL, CRITICAL, CRITICAL, OK])
    woken: list[int] = []
    ended = threading.Event()

    def probe(_deadline: Deadline) -> Observation:
        observation = next(seen, None)
        if observation is None:
            ended.set()
        return observation or OK

    with running([imagined(probe)], lambda: woken.append(1)) as runner:
        assert ended.wait(60)
        states = [each.result.state for each in take(runner, 6)][:6]
    assert states == ["ok", "ok", "critical", "critical", "critical", "ok"]
    assert len(woken) == 2


def test_a_probe_that_raises_is_unknown_and_runs_again() -> None:
    def probe(_deadline: Deadline) -> Observation:
        raise ZeroDivisionError("by nothing")

    with running([imagined(probe)]) as runner:
        results = [each.result for each in take(runner, 2)]
    assert {each.state for each in results} == {"unknown"}
    assert results[0].output == "could not be made: ZeroDivisionError: by nothing"


def test_a_command_out_of_time_is_unknown_and_says_so() -> None:
    check = CommandCheck(name="a", command=("/bin/sleep", "300"), timeout_seconds=0.2)
    with running([check]) as runner:
        (first, *_) = take(runner, 1)
    assert (first.result.state, first.result.output) == ("unknown", "timed out: no answer within 0.2 s")


def test_few_run_at_once_and_those_that_hang_hold_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.checks.timetable.GRACE_SECONDS", 0.0)
    release, lock = threading.Event(), threading.Lock()
    at_once = [0]

    def hang(_deadline: Deadline) -> Observation:
        with lock:
            at_once[0] += 1
        release.wait(60)
        return OK

    hanging = [imagined(hang, f"hangs-{number}", 0.5, 0.5) for number in range(MOST_AT_ONCE)]
    with running([*hanging, imagined(lambda _: OK, "well")]) as runner:
        found: dict[str, str] = {}

        def all_told() -> bool:
            found.update({each.result.name: each.result.state for each in runner.take()})
            return len(found) == MOST_AT_ONCE + 1

        wait_for(all_told, lambda: f"results of all, only {found}")
        assert found == {check.name: "unknown" for check in hanging} | {"well": "ok"}
        assert at_once[0] == MOST_AT_ONCE, "one that hangs was started a second time"
        release.set()
        wait_for(lambda: "ok" in {e.result.state for e in runner.take() if e.result.name != "well"}, "a second run")


def test_at_most_four_run_at_once() -> None:
    lock, running_now, most = threading.Lock(), [0], [0]
    barrier = threading.Barrier(MOST_AT_ONCE)

    def probe(_deadline: Deadline) -> Observation:
        with lock:
            running_now[0] += 1
            most[0] = max(most[0], running_now[0])
        barrier.wait(60)
        with lock:
            running_now[0] -= 1
        return OK

    with running([imagined(probe, str(number)) for number in range(MOST_AT_ONCE * 3)]) as runner:
        take(runner, MOST_AT_ONCE * 5)
        barrier.abort()
    assert most[0] == MOST_AT_ONCE


def test_run_now_does_not_wait_for_the_interval() -> None:
    with running([imagined(lambda _: OK, interval=86400.0)]) as runner:
        take(runner, 1)
        runner.run_now()
        take(runner, 1)


def test_a_stop_leaves_nothing_behind_and_tells_nothing() -> None:
    marker = f"check-runner-{os.getpid()}"
    script = ("/bin/sh", "-c", f"export MARKER={marker}; exec /bin/sleep 300")
    with running([CommandCheck(name="a", command=script, timeout_seconds=600)]) as runner:
        wait_for(lambda: processes_with(f"MARKER={marker}"), "the command")
    wait_until_gone(f"MARKER={marker}")
    assert runner.take() == []
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("check")]


def test_without_checks_there_is_no_thread() -> None:
    before = threading.enumerate()
    with running([]) as runner:
        runner.run_now()
        assert threading.enumerate() == before
        assert (runner.take(), runner.names()) == ([], [])


def test_no_room_for_a_thread_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(threading.Thread):
        def start(self) -> None:
            if self.name.startswith("check "):
                raise RuntimeError("can't start new thread")
            super().start()

    monkeypatch.setattr(threading, "Thread", Full)
    with running([imagined(lambda _: OK)]) as runner:
        (first, *_) = take(runner, 1)
    assert (first.result.state, first.result.output) == ("unknown", "could not run: can't start new thread")
