"""Runs actions one after the other in a thread of its own, which is there once there was an action to run."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from agent.action_journal import Ended, Entry, Journal
from agent.checks.child import CannotStart, NotKilled, run_child
from agent.checks.deadline import Deadline, TimeIsUp
from agent.plain_text import plain_text
from agent.program_safety import why_unsafe

STOP_SECONDS = 5.0
LONGEST_OUTPUT = 4096
STOPPED = Ended(outcome="failed", output="the agent was stopped while it ran")


class Run(NamedTuple):
    """What was run, and how that ended."""

    entry: Entry
    ended: Ended


class ActionRunner:
    """`wake` is called from the thread when there is something to take."""

    def __init__(self, journal: Journal, wake: Callable[[], None]) -> None:
        self._journal = journal
        self._wake = wake
        self._waiting: queue.SimpleQueue[Entry | None] = queue.SimpleQueue()
        self._ended: queue.SimpleQueue[Run] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def run(self, entry: Entry) -> None:
        """Put in the queue what the journal has as due; told as failed where there is no room for a thread."""
        if self._thread is None:
            thread = threading.Thread(target=self._work, name="actions", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                self._ended.put(Run(entry, Ended(outcome="failed", output=f"not run: {error}")))
                self._wake()
                return
            self._thread = thread
        self._waiting.put(entry)

    def take(self) -> Iterator[Run]:
        """What ended since the last take."""
        while not self._ended.empty():
            yield self._ended.get()

    def stop(self) -> None:
        """End what runs; what waits stays due in the journal."""
        self._stopping.set()
        self._waiting.put(None)
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def _work(self) -> None:
        while (entry := self._waiting.get()) is not None and not self._stopping.is_set():
            self._ended.put(self._run(entry))
            self._wake()

    def _run(self, entry: Entry) -> Run:
        if why_not := why_unsafe(entry.command[0]):
            return Run(entry, Ended(outcome="failed", output=f"not run: {why_not}"))
        try:
            entry = self._journal.started(entry)
        except OSError as error:
            why_not = f"not run: the journal cannot be written ({error}), so it might run twice"
            return Run(entry, Ended(outcome="failed", output=why_not))
        begun = time.monotonic()
        ended = self._child(entry)
        return Run(entry, ended_after(ended, time.monotonic() - begun))

    def _child(self, entry: Entry) -> Ended:
        try:
            child = run_child(
                entry.command, Deadline(entry.timeout_seconds, self._stopping), environment=entry.environment
            )
        except CannotStart as error:
            return Ended(outcome="failed", output=plain_text(str(error))[:LONGEST_OUTPUT])
        except TimeIsUp as over:
            if self._stopping.is_set():
                return STOPPED
            if isinstance(over, NotKilled):
                return Ended(outcome="timed-out", output=str(over))
            return Ended(outcome="timed-out", output=f"killed after {entry.timeout_seconds:g} s")
        output = plain_text(f"{child.output}{child.error_output}")[-LONGEST_OUTPUT:]
        return Ended(outcome="failed" if child.exit_code else "done", exit_code=child.exit_code, output=output)


def ended_after(ended: Ended, seconds: float) -> Ended:
    return Ended(
        outcome=ended.outcome, exit_code=ended.exit_code, output=ended.output, duration_seconds=round(seconds, 3)
    )
