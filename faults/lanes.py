"""Lanes: rows side by side, each lane a process with a rig of its own.

We hand out rows through pipes and hear what became of them. A lane that dies takes its row with it and nobody else: the
end of its pipe is the news. Lanes end with us, whatever ends us.
"""

import math
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Pipe, wait

from faults.program import ROOT
from faults.report import Outcome
from faults.rig import remove_remains
from faults.row import Row

ENDS_WITH_US = ("setpriv", "--pdeathsig", "TERM", "--")
END_SECONDS = 120.0


class Lane:
    """A child process; `pipe` is readable when its row is over or it is dead."""

    def __init__(self, seed: int, *, is_quick: bool) -> None:
        self.pipe, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(
                [*ENDS_WITH_US, sys.executable, "-m", "faults.lane", str(theirs.fileno())],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C is for us, who end it in order
            )
        self._seed = seed
        self._send((seed, is_quick))

    @property
    def is_alive(self) -> bool:
        return not self.pipe.closed and self._process.poll() is None

    def begin(self, row: Row) -> None:
        self._row, self._began = row, time.monotonic()
        self._send(row)

    def outcome(self) -> Outcome:
        """Of the row that it began; waits for it."""
        try:
            outcome: Outcome = self.pipe.recv()
        except (EOFError, OSError):
            return self._died()
        return outcome

    @property
    def seconds_left(self) -> float:
        """Of what its row may take; 0 when it is overdue."""
        return max(0.0, self._began + self._row.most_seconds - time.monotonic())

    def give_up(self) -> Outcome:
        """Its row hangs: the lane is ended, whatever that takes."""
        self.interrupt()
        return self._died(f"gave no answer within {self._row.most_seconds:g} s and ")

    def interrupt(self) -> None:
        """Its row is given up; returns at once."""
        self._process.terminate()

    def end(self) -> None:
        """It takes its rig down and ends; if it cannot, we do it."""
        if self._exit_code():
            remove_remains(self._process.pid)

    def _send(self, message: object) -> None:
        with suppress(OSError):  # it is dead, as `outcome` will tell
            self.pipe.send(message)

    def _exit_code(self) -> int:
        """No more rows is what it is told; one that does not end is killed."""
        self.pipe.close()
        try:
            return self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
        try:
            return self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:  # the kernel holds it: we go on without it
            return -signal.SIGKILL

    def _died(self, before_that: str = "") -> Outcome:
        took_seconds = time.monotonic() - self._began
        exit_code = self._exit_code()
        how = f"was killed by {signal.Signals(-exit_code).name}" if exit_code < 0 else f"ended with {exit_code}"
        logs = ", ".join(str(folder) for folder in remove_remains(self._process.pid))
        trace = f"      logs: {logs}" if logs else ""
        detail = f"its lane {before_that}{how}"
        return Outcome(self._row, self._row.bad_result, detail, [], [], [], took_seconds, self._seed, trace, {})


class Lanes:
    """Leaving it ends them all. `announce` is told of each row when it begins."""

    def __init__(self, seed: int, *, is_quick: bool, announce: Callable[[Row], None]) -> None:
        self._seed, self._is_quick, self._announce = seed, is_quick, announce
        self._lanes: list[Lane] = []

    def __enter__(self) -> "Lanes":
        return self

    def __exit__(self, *_exception: object) -> None:
        for lane in self._lanes:
            lane.interrupt()
        for lane in self._lanes:
            lane.end()

    def run(self, rows: Sequence[Row], most: int) -> Iterator[Outcome]:
        """Every row, begun in this order, `most` at a time; outcomes as they come."""
        waiting = deque(rows)
        while True:
            while waiting and len(self._lanes) < most:
                self._lanes.append(Lane(self._seed, is_quick=self._is_quick))
                self._begin(self._lanes[-1], waiting.popleft())
            if not self._lanes:
                return
            soonest_seconds = min(lane.seconds_left for lane in self._lanes)
            ready = wait([lane.pipe for lane in self._lanes], soonest_seconds)
            for lane in [lane for lane in self._lanes if lane.pipe in ready or not lane.seconds_left]:
                yield lane.outcome() if lane.pipe in ready else lane.give_up()
                if waiting and lane.is_alive:
                    self._begin(lane, waiting.popleft())
                else:
                    lane.end()
                    self._lanes.remove(lane)

    def _begin(self, lane: Lane, row: Row) -> None:
        self._announce(row)
        lane.begin(row)


def phases(rows: Sequence[Row], lanes: int, last_seconds: Mapping[str, float]) -> Sequence[tuple[Sequence[Row], int]]:
    """Rows and how many of them at once. Side by side what took longest the last time begins first, as does what is
    new, and rows that want the machine for themselves come in the end.
    """
    if lanes == 1:
        return [(rows, 1)]
    longest_first = sorted(rows, key=lambda row: last_seconds.get(row.number, math.inf), reverse=True)
    together = [row for row in longest_first if not row.runs_alone]
    return [(together, lanes), ([row for row in longest_first if row.runs_alone], 1)]
