"""What the host looked like when a check of it turned bad: the black box and the processes that used most."""

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.black_box import BlackBox, Note
from agent.black_box_samples import NAMES, Sample, samples
from agent.host import Host
from agent.local_rules import Place
from agent.local_state import HardChange
from agent.stamp import Stamp
from agent.top_processes import top_processes
from health.state import is_worse
from rabbitmq.records import Evidence, ProcessShare, Record

SAME_CHECK_SECONDS = 300.0
PERIOD_SECONDS = 3600.0
MOST_PER_PERIOD = 6

log = logging.getLogger("agent")


class Allowance:
    """How much evidence may be made: of one check once in SAME_CHECK_SECONDS, of all together MOST_PER_PERIOD."""

    def __init__(self) -> None:
        self._made: deque[tuple[float, Place]] = deque(maxlen=MOST_PER_PERIOD)

    def take(self, place: Place, now_seconds: float) -> str | None:
        """Why there may be none now, or None: then one more was made. Of a clock that is never set."""
        if len(self._made) == MOST_PER_PERIOD and now_seconds - self._made[0][0] < PERIOD_SECONDS:
            return f"there were {MOST_PER_PERIOD} within the hour"
        if any(made == place and now_seconds - at_seconds < SAME_CHECK_SECONDS for at_seconds, made in self._made):
            return f"there was one of this check within {SAME_CHECK_SECONDS:g} s"
        self._made.append((now_seconds, place))
        return None


@dataclass(frozen=True, slots=True)
class Made:
    """Evidence as long as it has no number."""

    change: HardChange
    samples: Sequence[Sample]
    processes: Sequence[ProcessShare]

    def record(self, stamp: Stamp) -> Record:
        rule, subject = self.change.place
        return Evidence(
            **stamp,
            rule=rule,
            subject=subject,
            state=self.change.standing.state.value,  # type: ignore[arg-type]  # it is worse than before: never ok
            names=list(NAMES) if self.samples else [],
            samples=list(self.samples),
            processes=list(self.processes),
        )


class Witness:
    """Makes evidence in a thread of its own each time; `wake` is called from it when there is something to take."""

    def __init__(self, box: BlackBox, host: Host, wake: Callable[[], None]) -> None:
        self._box = box
        self._host = host
        self._wake = wake
        self._allowance = Allowance()
        self._made: queue.SimpleQueue[Made] = queue.SimpleQueue()

    def changed(self, change: HardChange) -> None:
        """Evidence of a check that turned worse, as far as there is an allowance."""
        if not is_worse(change.standing.state, change.before):
            return
        now_seconds = time.monotonic()
        why_not = self._allowance.take(change.place, now_seconds)
        if why_not:
            log.info("no evidence of %s: %s", change.check, why_not)
            return
        notes = self._box.notes(now_seconds)
        try:
            threading.Thread(target=self._make, args=(change, notes), name="evidence", daemon=True).start()
        except RuntimeError as error:  # the system has no room for another thread
            log.warning("evidence of %s is without processes: %s", change.check, error)
            self._put(change, notes, [])

    def take(self) -> Iterator[Made]:
        """What was made since the last take."""
        while not self._made.empty():
            yield self._made.get()

    def _make(self, change: HardChange, notes: Sequence[Note]) -> None:
        try:
            processes = top_processes(self._host.proc)
        except Exception:  # evidence without them is better than none
            log.exception("the processes that use most could not be read")
            processes = []
        self._put(change, notes, processes)

    def _put(self, change: HardChange, notes: Sequence[Note], processes: Sequence[ProcessShare]) -> None:
        self._made.put(Made(change, samples(notes, self._is_disk, time.monotonic()), processes))
        self._wake()

    def _is_disk(self, device: str) -> bool:
        return Path(self._host.sys, "block", device.replace("/", "!")).exists()
