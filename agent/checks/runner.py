"""Runs the checks of this host: one thread that knows when, and one for each check while it runs."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Literal

from agent import performance_data
from agent.check_settings import CheckSetting
from agent.checks.deadline import Deadline, TimeIsUp
from agent.checks.finished import Finished
from agent.checks.finished import FinishedCheck as FinishedCheck
from agent.checks.observation import Observation
from agent.checks.timetable import Timetable
from agent.plain_text import plain_text
from health.state import State
from rabbitmq.records import CheckResult

LONGEST_OUTPUT = 4096
LONGEST_LOG = 200
STOP_SECONDS = 2.0

log = logging.getLogger("checks")

_WORDS: dict[State, Literal["ok", "warning", "critical", "unknown"]] = {
    State.OK: "ok",
    State.WARNING: "warning",
    State.CRITICAL: "critical",
    State.UNKNOWN: "unknown",
}


class CheckRunner:
    """Runs `checks` between `start` and `stop`; without checks it has no thread.

    `wake` is called from one of its threads when a check was observed in another state than before.
    """

    def __init__(self, checks: Sequence[CheckSetting], wake: Callable[[], None]) -> None:
        self._checks = checks
        self._wake = wake
        self._probes = {check.name: check.probe() for check in checks}
        self._lock = threading.Lock()  # over the timetable and what is finished
        self._timetable = Timetable(checks, time.monotonic())
        self._finished = Finished()
        self._bell = threading.Event()
        self._stopping = threading.Event()
        self._threads: set[threading.Thread] = set()

    def start(self) -> None:
        """First runs are spread over the checks' first interval."""
        if self._checks:
            self._start_thread("checks", self._keep_time)

    def stop(self) -> None:
        """Ends what runs, commands with their children included; what hangs is left behind after STOP_SECONDS."""
        self._stopping.set()
        self._bell.set()
        until = time.monotonic() + STOP_SECONDS
        with self._lock:
            threads = tuple(self._threads)
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))

    def take(self) -> Sequence[FinishedCheck]:
        """What ended since the last take, oldest first; what a record has no room for comes with the next."""
        with self._lock:
            return self._finished.take()

    def names(self) -> list[str]:
        return [check.name for check in self._checks]

    def run_now(self) -> None:
        """Make all checks due; they run a few at a time, as always."""
        with self._lock:
            self._timetable.run_now(time.monotonic())
        self._bell.set()

    def _keep_time(self) -> None:
        while not self._stopping.is_set():
            self._bell.clear()
            now_seconds = time.monotonic()
            with self._lock:
                hanging = self._timetable.late(now_seconds)
                late = [_finished(check, _hanging(check), check.timeout_seconds) for check in hanging]
                changed = [finished for finished in late if self._keep(finished, now_seconds)]
                due = self._timetable.start_due(now_seconds)
                next_seconds = self._timetable.next_seconds(now_seconds)
            for finished in changed:
                self._tell(finished)
            for check in due:
                self._begin(check)
            self._bell.wait(max(0.0, next_seconds - time.monotonic()))

    def _begin(self, check: CheckSetting) -> None:
        try:
            self._start_thread(f"check {check.name}", lambda: self._run(check))
        except RuntimeError as error:  # the system has no room for another thread
            self._end(check, Observation(State.UNKNOWN, f"could not run: {error}"), 0.0)

    def _start_thread(self, name: str, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, name=name, daemon=True)
        thread.start()
        with self._lock:
            self._threads = {other for other in self._threads if other.is_alive()} | {thread}

    def _run(self, check: CheckSetting) -> None:
        started_seconds = time.monotonic()
        try:
            observation = self._probes[check.name](Deadline(check.timeout_seconds, self._stopping))
        except TimeIsUp as over:
            observation = Observation(State.UNKNOWN, str(over))
        except Exception as error:  # noqa: BLE001 - a check that fails tells so, and stops no other
            observation = Observation(State.UNKNOWN, f"could not be made: {type(error).__name__}: {error}")
        self._end(check, observation, time.monotonic() - started_seconds)

    def _end(self, check: CheckSetting, observation: Observation, duration_seconds: float) -> None:
        finished = _finished(check, observation, duration_seconds)
        with self._lock:
            counts = self._timetable.end(check.name) and not self._stopping.is_set()
            has_changed = counts and self._keep(finished, time.monotonic())
        self._bell.set()
        if has_changed:
            self._tell(finished)

    def _keep(self, finished: FinishedCheck, now_seconds: float) -> bool:
        """With the lock held. Whether the check is in another state than before."""
        self._finished.add(finished)
        return self._timetable.observe(finished.result.name, State(finished.result.state), now_seconds)

    def _tell(self, finished: FinishedCheck) -> None:
        result = finished.result
        log.info("check %s is %s: %s", result.name, result.state, result.output.partition("\n")[0][:LONGEST_LOG])
        self._wake()


def _hanging(check: CheckSetting) -> Observation:
    text = f"timed out: it hangs for more than its {check.timeout_seconds:g} s; run again when that call returns"
    return Observation(State.UNKNOWN, text)


def _finished(check: CheckSetting, observation: Observation, duration_seconds: float) -> FinishedCheck:
    result = CheckResult(
        name=check.name,
        kind=check.kind,
        state=_WORDS[observation.state],
        output=plain_text(observation.output)[:LONGEST_OUTPUT],
        wall_seconds=time.time(),
        duration_seconds=duration_seconds,
        attempts=check.attempts,
    )
    return FinishedCheck(result, performance_data.readings(check.name, observation.measured))
