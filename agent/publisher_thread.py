"""A thread of its own for one publisher. Who has many of them gives all one loop and no thread."""

import threading

from agent.publisher import Publisher

CLOSE_SECONDS = 2.0


class PublisherThread:
    """Runs the publisher's loop from `start` to `stop`; `failure` is what ended it before, if anything did."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self.failure: BaseException | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Close the link and end the thread; what is unconfirmed stays in the spool."""
        loop = self._publisher.loop
        loop.add_callback_threadsafe(lambda: self._publisher.close(then=loop.stop))
        self._thread.join(CLOSE_SECONDS)

    def _run(self) -> None:
        try:
            self._publisher.open()
            self._publisher.loop.start()
        except Exception as error:  # noqa: BLE001 - a thread has no caller; the agent's loop looks here and ends
            self.failure = error
        finally:
            self._publisher.loop.close()
            self._publisher.let_waiters_go()
