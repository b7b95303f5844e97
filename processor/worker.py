"""One job at a time on a thread of its own: whoever serves the broker's connection never waits for a database."""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future

Job = Callable[[], None]


class Worker:
    """Runs jobs in the order they are given. Its thread ends with the process, even in a frozen database's hands."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[tuple[Job, Future[None]]] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="store", daemon=True).start()

    def begin(self, job: Job) -> "Future[None]":
        """Start the job; the future ends with its exception, if any."""
        done: Future[None] = Future()
        self._jobs.put((job, done))
        return done

    def _run(self) -> None:
        while True:
            job, done = self._jobs.get()
            try:
                job()
            except BaseException as error:  # noqa: BLE001 whoever waits for the future raises it
                done.set_exception(error)
            else:
                done.set_result(None)
