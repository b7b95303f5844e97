"""The proxy passes bytes on faithfully, and each of its faults does what its name says."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from faults.proxy import FaultProxy
from tests.waiting import wait_for

PATIENCE_SECONDS = 10.0


@pytest.fixture
def echo_port() -> Iterator[int]:
    """A server that gives back what it gets, on each connection until its end."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,), daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def serve(listening: socket.socket) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        threading.Thread(target=echo, args=(connection,), daemon=True).start()


def echo(connection: socket.socket) -> None:
    with connection:
        try:
            while data := connection.recv(65536):
                connection.sendall(data)
        except OSError:
            return


@pytest.fixture
def proxy(echo_port: int) -> Iterator[FaultProxy]:
    between = FaultProxy("127.0.0.1", echo_port)
    yield between
    between.close()


@pytest.fixture
def client(proxy: FaultProxy) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE_SECONDS) as connection:
        yield connection


def answer(client: socket.socket, sent: bytes) -> bytes:
    client.sendall(sent)
    return received(client, len(sent))


def received(client: socket.socket, count: int) -> bytes:
    got = b""
    while len(got) < count and (data := client.recv(count - len(got))):
        got += data
    return got


def ask(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS) as client:
        got = answer(client, b"a")
    if not got:
        raise ConnectionResetError
    return got


def nothing_comes(client: socket.socket) -> bool:
    client.settimeout(0.5)
    try:
        return client.recv(1) == b"silence is not this"
    except TimeoutError:
        return True
    finally:
        client.settimeout(PATIENCE_SECONDS)


def is_reset(client: socket.socket) -> bool:
    try:
        client.sendall(b"x")
        return client.recv(1) == b""
    except ConnectionError:
        return True


def test_faithful_in_both_directions(client: socket.socket) -> None:
    body = bytes(range(256)) * 4096
    assert answer(client, body[:1000]) == body[:1000]
    sender = threading.Thread(target=client.sendall, args=(body,))
    sender.start()
    assert received(client, len(body)) == body
    sender.join()


@pytest.mark.parametrize("direction", ["up", "down"])
def test_swallowed_bytes_vanish_and_the_connection_with_them(
    proxy: FaultProxy, client: socket.socket, direction: str
) -> None:
    assert answer(client, b"a") == b"a"
    proxy.swallow(direction)  # type: ignore[arg-type]
    client.sendall(b"b")
    assert nothing_comes(client)
    proxy.heal()
    assert is_reset(client)


def test_a_frozen_connection_goes_on_where_it_was(proxy: FaultProxy, client: socket.socket) -> None:
    assert answer(client, b"a") == b"a"
    proxy.freeze()
    client.sendall(b"b")
    assert nothing_comes(client)
    proxy.thaw()
    assert received(client, 1) == b"b"


def test_reset_reaches_the_client(proxy: FaultProxy, client: socket.socket) -> None:
    assert answer(client, b"a") == b"a"
    proxy.reset()
    assert is_reset(client)


def test_half_closed_downwards_the_client_reads_the_end(proxy: FaultProxy, client: socket.socket) -> None:
    assert answer(client, b"a") == b"a"
    proxy.half_close("down")
    assert client.recv(1) == b""


def test_cut_after_so_many_bytes(proxy: FaultProxy, client: socket.socket) -> None:
    proxy.cut_after("down", 3)
    client.sendall(b"abcdef")
    assert received(client, 3) == b"abc"
    with pytest.raises(ConnectionResetError):
        client.recv(1)


def test_one_byte_is_flipped(proxy: FaultProxy, client: socket.socket) -> None:
    proxy.flip("up", 1)
    assert answer(client, b"\x00\x00\x00") == b"\x00\xff\x00"


def test_delay_keeps_the_order_and_throttling_takes_its_time(proxy: FaultProxy, client: socket.socket) -> None:
    proxy.slow(delay_seconds=0.3, jitter_seconds=0.2, bytes_per_second=100_000)
    began = time.monotonic()
    for number in range(20):
        client.sendall(bytes([number]))
    assert received(client, 20) == bytes(range(20))
    assert time.monotonic() - began >= 0.2


def test_a_silent_connection_is_forgotten(proxy: FaultProxy, client: socket.socket) -> None:
    assert answer(client, b"a") == b"a"
    proxy.forget_idle(0.05)
    time.sleep(0.2)  # the silence itself
    client.sendall(b"b")
    assert nothing_comes(client)


def test_the_reply_to_one_request_is_cut_off(proxy: FaultProxy, client: socket.socket) -> None:
    proxy.cut_reply_to(b"COMMIT")
    assert answer(client, b"BEGIN") == b"BEGIN"
    assert not proxy.reply_was_cut
    client.sendall(b"COMMIT")
    wait_for(lambda: proxy.reply_was_cut, "the request passes")
    assert is_reset(client)


def test_refused_connections_are_reset_at_once(proxy: FaultProxy) -> None:
    proxy.refuse()
    with pytest.raises(ConnectionError):
        ask(proxy.port)
    proxy.heal()
    assert ask(proxy.port) == b"a"


def test_it_counts_which_clients_met_the_fault(proxy: FaultProxy) -> None:
    proxy.flip("up", 40)
    for sent in (b"healthmon-agent/host-1 and a long way to byte 40", b"healthmon-agent/host-2 too short"):
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE_SECONDS) as connection:
            answer(connection, sent)
    assert proxy.spoilt == {"host-1": 1}
    proxy.heal()
    proxy.cut_after("up", 30)
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE_SECONDS) as connection:
        answer(connection, b"healthmon-agent/host-2")
        connection.sendall(b" and eight bytes on")
        wait_for(lambda: proxy.spoilt["host-2"], "the cut is counted")
    assert proxy.spoilt == {"host-1": 1, "host-2": 1}
