"""The thread that keeps the notice desk going, each second and whenever something happened."""

import logging
import threading
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Engine

from configuration.notifications import NotificationSettings
from configuration.reader import ConfigError
from processor.notifiers import notifier_of
from processor.notifiers.notifier import NotifierError
from processor.notify.desk import Desk
from processor.notify.outlet import Outlet
from processor.silence.sentences import Clocks
from store.engine import StoreUnavailable
from store.fence import Fenced

log = logging.getLogger(__name__)

PASS_SECONDS = 1.0
SHORTEST_PAUSE_SECONDS = 0.05
PAUSE_PER_PASS = 4  # with thousands of open incidents a pass takes long: ingest has the rest of the time
FINISH_SECONDS = 3.0

Result = TypeVar("Result")


class Sender:
    """Raises ConfigError when a channel's settings cannot be used; `place` is where they stand."""

    def __init__(
        self, engine: Engine, settings: NotificationSettings, place: Path, public_url: str, clocks: Callable[[], Clocks]
    ) -> None:
        self._something_happened = threading.Event()
        self._desk = Desk(engine, settings, _outlets(settings, place, self.wake), public_url)
        self._clocks = clocks
        self._lost_epoch: int | None = None
        self._failure = ""

    def wake(self) -> None:
        """Look at once; from any thread."""
        self._something_happened.set()

    def hear(self, agent_ids: Collection[str]) -> None:
        """What is kept of these agents' incidents, or of what people read of the host, has changed; from any thread."""
        if agent_ids:
            self._desk.name(agent_ids)
            self.wake()

    def run(self, stop: threading.Event, fence_epoch: Callable[[], int | None]) -> None:
        """Until `stop` is set; `fence_epoch` gives the processor's own newest claim, None before the first one."""
        while not stop.is_set():
            began = time.monotonic()
            self.pass_once(fence_epoch())
            took_seconds = time.monotonic() - began
            stop.wait(max(SHORTEST_PAUSE_SECONDS, PAUSE_PER_PASS * took_seconds))
            self._something_happened.wait(max(PASS_SECONDS, took_seconds))
            self._something_happened.clear()
        self._finish(fence_epoch())

    def pass_once(self, fence_epoch: int | None) -> None:
        """One pass of the desk, while this processor is the active one; whatever fails is tried again by the next."""
        self._attempt(self._desk.pass_once, fence_epoch)

    def _finish(self, fence_epoch: int | None) -> None:
        """Give what is on its way a moment to arrive and be noted: it would go out once more otherwise."""
        deadline = time.monotonic() + FINISH_SECONDS
        while self._attempt(self._desk.finish, fence_epoch) is False and time.monotonic() < deadline:
            self._something_happened.wait(SHORTEST_PAUSE_SECONDS)
            self._something_happened.clear()

    def _attempt(self, work: Callable[[int, Clocks], Result], fence_epoch: int | None) -> Result | None:
        if fence_epoch is None or fence_epoch == self._lost_epoch:
            return None
        try:
            result = work(fence_epoch, self._clocks())
        except Fenced:
            self._lost_epoch = fence_epoch
        except StoreUnavailable as error:
            self._tell(str(error), None)
        except Exception as error:  # noqa: BLE001 the next pass may do better, and nothing else is to stop with it
            self._tell(f"{type(error).__name__}: {error}", error)
        else:
            self._failure = ""
            return result
        return None

    def _tell(self, failure: str, error: Exception | None) -> None:
        if failure != self._failure:
            log.error("notices wait: %s", failure, exc_info=error)
        self._failure = failure


def _outlets(settings: NotificationSettings, place: Path, wake: Callable[[], None]) -> dict[str, Outlet]:
    outlets, problems = {}, []
    for name, channel in settings.channels.items():
        try:
            outlets[name] = Outlet(name, notifier_of(channel), wake)
        except NotifierError as error:
            problems.append(f"{place}: channels.{name}.url: {error}.")
    if problems:
        raise ConfigError(problems)
    return outlets
