"""TCP ports: real sockets that accept, refuse, answer wrongly, or not at all."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress

import pytest

from agent.checks.deadline import Deadline, TimeIsUp
from agent.checks.observation import Observation
from agent.checks.tcp import MOST_BYTES, TcpCheck
from health.state import State

Serve = Callable[[Callable[[socket.socket], None]], int]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a server that hands each connection to a function; returns its port."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def start(answer: Callable[[socket.socket], None]) -> int:
            def accept() -> None:
                with suppress(OSError):
                    connection, _ = server.accept()
                    with connection:
                        answer(connection)

            threading.Thread(target=accept, daemon=True).start()
            port: int = server.getsockname()[1]
            return port

        yield start
        with suppress(OSError):  # wakes a thread that still accepts
            server.shutdown(socket.SHUT_RDWR)


def observe(port: int, *, seconds: float = 30.0, host: str = "127.0.0.1", **keys: str) -> Observation:
    return TcpCheck(name="a", host=host, port=port, send=keys.get("send"), expect=keys.get("expect")).probe()(
        Deadline(seconds)
    )


def test_a_port_that_accepts_is_ok_and_its_time_is_measured(serve: Serve) -> None:
    observation = observe(serve(lambda _: None))
    assert observation.state is State.OK
    assert [(each.label, each.unit) for each in observation.measured] == [("time", "s")]


def test_a_port_that_refuses_is_critical() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port: int = server.getsockname()[1]
    observation = observe(port)
    assert observation == Observation(State.CRITICAL, f"127.0.0.1 port {port}: connection refused")


def test_what_is_expected_may_come_in_pieces(serve: Serve) -> None:
    def answer(connection: socket.socket) -> None:
        assert connection.recv(100) == b"PING\r\n"
        connection.sendall(b"+PO")
        connection.sendall(b"NG\r\n")

    assert observe(serve(answer), send="PING\r\n", expect="PONG").state is State.OK


def test_another_answer_is_critical_and_shown(serve: Serve) -> None:
    observation = observe(serve(lambda connection: connection.sendall(b"-ERR go away\x07")), expect="PONG")
    assert observation.state is State.CRITICAL
    assert "-ERR go away" in observation.output


def test_an_endless_answer_is_read_up_to_its_bound(serve: Serve) -> None:
    def answer(connection: socket.socket) -> None:
        with suppress(OSError):
            for _ in range(1000):
                connection.sendall(b"x" * MOST_BYTES)

    assert observe(serve(answer), expect="PONG").state is State.CRITICAL


def silent_until(over: threading.Event) -> None:
    over.wait(60)


def test_a_server_that_says_nothing_is_out_of_time(serve: Serve) -> None:
    over = threading.Event()
    with pytest.raises(TimeIsUp):
        observe(serve(lambda _: silent_until(over)), seconds=0.3, expect="PONG")
    over.set()


def test_a_server_that_does_not_read_is_out_of_time(serve: Serve) -> None:
    over = threading.Event()
    with pytest.raises(TimeIsUp):
        observe(serve(lambda _: silent_until(over)), seconds=0.3, send="x" * 50_000_000)
    over.set()


def test_a_server_that_drips_is_out_of_time(serve: Serve) -> None:
    over = threading.Event()

    def answer(connection: socket.socket) -> None:
        with suppress(OSError):
            while not over.wait(0.05):
                connection.sendall(b"x")

    with pytest.raises(TimeIsUp):
        observe(serve(answer), seconds=0.5, expect="PONG")
    over.set()


def test_a_port_that_does_not_accept_is_out_of_time() -> None:
    with closing(socket.create_server(("127.0.0.1", 0), backlog=0)) as server:
        port: int = server.getsockname()[1]
        waiting = [socket.socket() for _ in range(8)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
        with pytest.raises(TimeIsUp, match=r"timed out"):
            observe(port, seconds=0.5)
        for each in waiting:
            each.close()


def test_a_name_without_an_address_is_unknown() -> None:
    observation = observe(1, host="no-such-host.invalid")
    assert observation.state is State.UNKNOWN
    assert "no-such-host.invalid: the name has no address" in observation.output


def test_a_silent_address_leaves_the_next_one_time(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first address belongs to a port whose queue of connections is full: it neither accepts nor refuses."""
    with closing(socket.socket()) as silent, ExitStack() as waiting:
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        for _ in range(4):
            connection = waiting.enter_context(socket.socket())
            connection.setblocking(False)
            connection.connect_ex(silent.getsockname())
        good = ("127.0.0.1", serve(lambda _: None))
        addresses = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in (silent.getsockname(), good)]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_arguments, **_keywords: addresses)
        assert observe(1, host="two.example", seconds=2.0).state is State.OK
        addresses.pop()
        with pytest.raises(TimeIsUp):
            observe(1, host="two.example", seconds=0.3)
