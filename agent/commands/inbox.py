"""Commands on their way from the I/O thread to the agent's loop: bounded, each at most once."""

import logging
import queue
from collections import OrderedDict

from rabbitmq.commands import Command, decode_command

MAX_WAITING = 16
MAX_BODY_BYTES = 64 * 1024
REMEMBERED_IDS = 256

log = logging.getLogger("agent.commands")


class Inbox:
    """`put` from any thread, `wait` from one; `wake` may be called from a signal handler."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[Command | None] = queue.SimpleQueue()
        self._seen: OrderedDict[str, None] = OrderedDict()

    def put(self, body: bytes) -> None:
        """Take in what came over the network; what cannot be obeyed or answered is logged and dropped."""
        try:
            if len(body) > MAX_BODY_BYTES:
                raise ValueError(f"{len(body)} bytes, allowed are {MAX_BODY_BYTES}")
            command = decode_command(body)
        except ValueError as error:
            log.warning("command unreadable (%s), dropped", str(error)[:200])
            return
        if self._waiting.qsize() >= MAX_WAITING:
            log.warning("command %.64s dropped: %d others wait already", command.command_id, MAX_WAITING)
        elif self._is_new(command.command_id):
            self._waiting.put(command)

    def wait(self, timeout_seconds: float) -> Command | None:
        """The next command, or None after the time-out or a wake."""
        try:
            return self._waiting.get(timeout=max(0.0, timeout_seconds))
        except queue.Empty:
            return None

    def wake(self) -> None:
        self._waiting.put(None)

    def _is_new(self, command_id: str) -> bool:
        """A command that is sent again was answered already: its result is on the way or stored."""
        if command_id in self._seen:
            return False
        self._seen[command_id] = None
        if len(self._seen) > REMEMBERED_IDS:
            self._seen.popitem(last=False)
        return True
