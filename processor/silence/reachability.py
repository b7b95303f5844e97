"""Whether an address answers: one TCP connect to a port where nobody listens. A refusal is an answer, too."""

import queue
import socket
import threading
import time
from collections.abc import Callable

from processor.silence.facts import Reach

PORT = 1  # tcpmux: nobody serves it, and a host that lives refuses it
PATIENCE_SECONDS = 2.0
THREADS = 4
MOST_WAITING = 50
FRESH_MS = 30_000
MOST_REMEMBERED = 10_000


def probe(address: str) -> Reach:
    """Takes up to 2 s. A firewall that drops what it does not know looks like a host that is away."""
    try:
        socket.create_connection((address, PORT), timeout=PATIENCE_SECONDS).close()
    except (ConnectionRefusedError, ConnectionResetError):
        return Reach.ANSWERS
    except OSError:
        return Reach.SILENT
    return Reach.ANSWERS


class Probes:
    """Asks beside, four at a time. `reach` never waits: an answer is there at a later call, and asked for anew when it
    is 30 s old. UNKNOWN when too many wait."""

    def __init__(
        self,
        ask: Callable[[str], Reach] = probe,
        clock_ms: Callable[[], int] = lambda: time.monotonic_ns() // 1_000_000,
    ) -> None:
        self._ask = ask
        self._clock_ms = clock_ms
        self._waiting: queue.Queue[str] = queue.Queue(MOST_WAITING)
        self._lock = threading.Lock()
        self._asked: set[str] = set()
        self._answers: dict[str, tuple[Reach, int]] = {}
        for _ in range(THREADS):
            threading.Thread(target=self._work, name="probe", daemon=True).start()

    def reach(self, address: str) -> Reach:
        """The last answer, also while a newer one is on its way."""
        with self._lock:
            answer = self._answers.get(address)
            is_fresh = answer is not None and self._clock_ms() - answer[1] < FRESH_MS
            if not is_fresh and address not in self._asked and not self._begin(address):
                return answer[0] if answer else Reach.UNKNOWN
        return answer[0] if answer else Reach.ASKED

    def forget(self, address: str) -> None:
        """The next question is asked for certain: what was answered was about another time."""
        with self._lock:
            self._answers.pop(address, None)

    def _begin(self, address: str) -> bool:
        try:
            self._waiting.put_nowait(address)
        except queue.Full:
            return False
        self._asked.add(address)
        return True

    def _work(self) -> None:
        while True:
            address = self._waiting.get()
            reach = self._ask(address)
            with self._lock:
                if len(self._answers) >= MOST_REMEMBERED:
                    self._answers.clear()
                self._answers[address] = reach, self._clock_ms()
                self._asked.discard(address)
