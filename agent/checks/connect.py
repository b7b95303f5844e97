"""A TCP connection whose every step ends with the check's time."""

import socket

from agent.checks.deadline import Deadline


def connect(host: str, port: int, deadline: Deadline) -> socket.socket:
    """Connected to the first address of `host` that accepts; one that is silent leaves the others their share of time.

    Raises TimeIsUp, or OSError of the last address.
    """
    failure = OSError(f"{host} has no address")
    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for tried, (family, kind, protocol, _, address) in enumerate(addresses):
        share_seconds = deadline.remaining_seconds() / (len(addresses) - tried)
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(share_seconds)
            connection.connect(address)
        except OSError as error:
            connection.close()
            failure = error
        else:
            return connection
    if isinstance(failure, TimeoutError):
        raise deadline.time_is_up() from failure
    raise failure


def send(connection: socket.socket, deadline: Deadline, content: bytes) -> None:
    """All of `content`. Raises OSError and TimeIsUp."""
    connection.settimeout(deadline.remaining_seconds())
    try:
        connection.sendall(content)
    except TimeoutError as error:
        raise deadline.time_is_up() from error


def receive(connection: socket.socket, deadline: Deadline, most_bytes: int) -> bytes:
    """What is there to read, empty at the end. Raises OSError and TimeIsUp."""
    connection.settimeout(deadline.remaining_seconds())
    try:
        return connection.recv(most_bytes)
    except TimeoutError as error:
        raise deadline.time_is_up() from error


def why_failed(error: OSError) -> str:
    """The reason in the system's words, without its number."""
    return (error.strerror or str(error)).lower()
