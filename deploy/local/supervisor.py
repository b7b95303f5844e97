"""Keeps services running: starts them in order, starts again what dies, stops all in the reverse order.

    main thread: start -> tend, tend, ... (each 0.1 s) -> stop      one reader thread per child: lines -> output

It is one thread with a clock: no callback runs while another does.
"""

import signal
import time
from collections.abc import Callable
from types import FrameType

from deploy.local.child import Child, Service
from deploy.local.output import Output

TEND_SECONDS = 0.1
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 15.0
STEADY_SECONDS = 30.0  # whoever ran that long starts again with the first pause
BAD_SETTINGS_EXIT = 2


class StopRequested(Exception):
    """A signal asked the stack to stop."""


class StartFailed(Exception):
    """A program said that it cannot run like this; its own lines say why."""


class Supervised:
    """One service and its present process, if any."""

    def __init__(self, service: Service, output: Output) -> None:
        self.service = service
        self._output = output
        self._child: Child | None = None
        self._started_seconds = 0.0
        self._due_seconds = 0.0
        self._pause_seconds = FIRST_PAUSE_SECONDS / 2

    def tend(self, now_seconds: float) -> int | None:
        """Start it when it is due, note its end; returns the exit code when it ended just now."""
        if self._child is None:
            if now_seconds >= self._due_seconds and self.service.needs():
                self._child = Child(self.service, self._output)
                self._started_seconds = now_seconds
            return None
        code = self._child.exit_code()
        if code is not None:
            self._child = None
            self._plan_restart(code, now_seconds)
        return code

    def _plan_restart(self, code: int, now_seconds: float) -> None:
        steady = now_seconds - self._started_seconds >= STEADY_SECONDS
        self._pause_seconds = FIRST_PAUSE_SECONDS if steady else min(2 * self._pause_seconds, LONGEST_PAUSE_SECONDS)
        self._due_seconds = now_seconds + self._pause_seconds
        self._output.say(f"{self.service.name} {how_it_ended(code)}, starting it again in {self._pause_seconds:g} s")

    def stop(self) -> None:
        if self._child is not None:
            self._child.stop()
            self._child = None


class Supervisor:
    """Call everything from the main thread."""

    def __init__(self, output: Output, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._output = output
        self._clock = clock
        self._supervised: list[Supervised] = []
        self._stop_requested = False

    def listen_to_signals(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._request_stop)

    def _request_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stop_requested = True

    def run(self, service: Service) -> None:
        """Run a one-shot to its end, tending the others; raises StartFailed unless it exits with 0."""
        child = Child(service, self._output)
        try:
            while (code := child.exit_code()) is None:
                self._tend()
        finally:
            child.stop()
        if code != 0:
            raise StartFailed(f"{service.name} {how_it_ended(code)}")

    def start(self, service: Service) -> None:
        """Start a service and return when it is usable; raises StartFailed when its settings are wrong."""
        supervised = Supervised(service, self._output)
        self._supervised.append(supervised)
        while True:
            if self._tend().get(service.name) == BAD_SETTINGS_EXIT:
                raise StartFailed(f"{service.name} cannot start with these settings")
            if service.usable():
                return

    def tend_until_stopped(self) -> None:
        """Ends with StopRequested."""
        while True:
            self._tend()

    def _tend(self) -> dict[str, int | None]:
        if self._stop_requested:
            raise StopRequested
        ended = {one.service.name: one.tend(self._clock()) for one in self._supervised}
        time.sleep(TEND_SECONDS)
        return ended

    def stop(self) -> None:
        """Each in good order, the last started first; nothing is left."""
        for supervised in reversed(self._supervised):
            supervised.stop()


def how_it_ended(code: int) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
