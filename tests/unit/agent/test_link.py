"""A link at each point of connecting can be given up and closed, and nothing of it stays behind."""

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from pika.adapters.select_connection import IOLoop

from agent.backoff import Backoff
from agent.broker_trouble import Trouble
from agent.link import HEALTHY_SECONDS, Link
from rabbitmq.connection import BrokerAddress

DEADLINE_SECONDS = 20.0


class Listener:
    """Notes what the link tells; `link_closed` ends the loop."""

    def __init__(self, loop: IOLoop) -> None:
        self._loop = loop
        self.heard: list[str] = []
        self.went_down = threading.Event()

    def link_up(self) -> None:
        self.heard.append("up")

    def link_down(self, trouble: Trouble, retry_seconds: float) -> None:  # noqa: ARG002
        self.heard.append(f"down: {trouble.why}")
        self.went_down.set()

    def link_closed(self) -> None:
        self.heard.append("closed")
        self._loop.stop()

    def __getattr__(self, name: str) -> Any:
        return lambda *_: self.heard.append(name)


class RunningLink:
    """A link to a port of this host on a loop of its own thread."""

    def __init__(self, port: int, wait_seconds: float = 0.0) -> None:
        self.loop = IOLoop()
        self.listener = Listener(self.loop)
        backoff = Backoff(300, lambda _low, _high: wait_seconds)
        broker = BrokerAddress("127.0.0.1", port, "guest", "guest")
        self.link = Link(self.loop, broker, self.listener, connection_name="test", backoff=backoff)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        self.link.open()
        self.loop.start()
        self.loop.close()

    def on_loop(self, do: Any) -> None:
        self.loop.add_callback_threadsafe(do)

    def close(self) -> None:
        self.on_loop(self.link.close)
        self._thread.join(DEADLINE_SECONDS)
        assert not self._thread.is_alive(), "the link never said that it is closed"


@pytest.fixture
def mute() -> Iterator[socket.socket]:
    """Takes connections and says nothing, as a broker that hangs while it starts."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(DEADLINE_SECONDS)
        yield server


def port_of(server: socket.socket) -> int:
    return int(server.getsockname()[1])


def accepted(server: socket.socket) -> socket.socket:
    """The next connection, its first bytes (AMQP's greeting) read."""
    connection, _ = server.accept()
    connection.settimeout(DEADLINE_SECONDS)
    assert connection.recv(8).startswith(b"AMQP")
    return connection


def test_a_half_made_connection_that_is_given_up_is_closed_and_another_is_made(mute: socket.socket) -> None:
    running = RunningLink(port_of(mute))
    with accepted(mute) as first:
        running.on_loop(lambda: running.link.renew(Trouble("no longer wanted")))
        assert first.recv(1) == b"", "the first connection is still open"
    with accepted(mute) as second:
        running.close()
        assert second.recv(1) == b"", "the second connection is still open"
    assert running.listener.heard == ["down: no longer wanted", "closed"]


def test_giving_up_twice_is_giving_up_once(mute: socket.socket) -> None:
    running = RunningLink(port_of(mute))
    with accepted(mute):
        for why in ("first", "second"):
            running.on_loop(lambda why=why: running.link.renew(Trouble(why)))
    with accepted(mute):
        running.close()
    assert running.listener.heard == ["down: first", "closed"]


def test_close_before_the_host_answers(mute: socket.socket) -> None:
    mute.listen(0)
    with socket.create_connection(mute.getsockname()):  # takes the one place of the queue
        running = RunningLink(port_of(mute))
        running.close()
    assert running.listener.heard == ["closed"]


def test_close_while_waiting_for_the_next_try_ends_the_waiting(mute: socket.socket) -> None:
    running = RunningLink(port_of(mute), wait_seconds=1000.0)
    accepted(mute).close()
    assert running.listener.went_down.wait(DEADLINE_SECONDS)
    running.close()
    assert running.listener.heard[-1] == "closed"


def test_a_closed_link_tries_no_more_on_a_loop_that_goes_on(mute: socket.socket) -> None:
    running = RunningLink(port_of(mute), wait_seconds=0.2)
    running.listener.link_closed = lambda: running.loop.call_later(0.4, running.loop.stop)  # type: ignore[method-assign]
    accepted(mute).close()
    assert running.listener.went_down.wait(DEADLINE_SECONDS)
    running.close()
    mute.setblocking(False)
    with pytest.raises(BlockingIOError):
        mute.accept()


def test_only_a_link_that_lasted_and_worked_starts_with_short_waits_again() -> None:
    now = 0.0
    drawn: list[float] = []

    def uniform(_low: float, high: float) -> float:
        drawn.append(high)
        return high

    loop = IOLoop()
    backoff = Backoff(300, uniform)
    broker = BrokerAddress("127.0.0.1", 1, "guest", "guest")
    link = Link(loop, broker, Listener(loop), connection_name="test", backoff=backoff, clock=lambda: now)

    def lasts(seconds: float) -> None:
        """Up for that long, then a confirm, then a break."""
        nonlocal now
        link._reply_address_there(None)
        now += seconds
        link.confirmed()
        link._connection_gone(None, ConnectionResetError())

    for _ in range(3):
        lasts(HEALTHY_SECONDS - 1)
    assert drawn == [1, 2, 4]
    lasts(HEALTHY_SECONDS)
    assert drawn == [1, 2, 4, 1]
    loop.close()
