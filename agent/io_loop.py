"""pika's I/O loop, woken from other threads through a pair of local sockets.

pika itself makes that pair as a TCP connection over 127.0.0.1. Where the loopback is down (a fresh network namespace)
it raises OSError, although the hub may well be reachable.
"""

import socket
from collections.abc import Callable

from pika.adapters.select_connection import IOLoop, PollPoller


class _LocalPoller(PollPoller):  # type: ignore[misc]  # pika has no types
    @staticmethod
    def _get_interrupt_pair() -> tuple[socket.socket, socket.socket]:
        pair = socket.socketpair()
        for end in pair:
            end.setblocking(False)
        return pair


class LocalLoop(IOLoop):  # type: ignore[misc]  # pika has no types
    """An IOLoop that needs no network for itself."""

    @staticmethod
    def _get_poller(get_wait_seconds: Callable[[], float | None], process_timeouts: Callable[[], None]) -> _LocalPoller:
        return _LocalPoller(get_wait_seconds, process_timeouts)
