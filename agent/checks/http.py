"""A page: does it answer with the right status and text, and how long does its certificate last?"""

import io
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Annotated, ClassVar
from urllib.parse import SplitResult, urlsplit, urlunsplit

import msgspec

from agent.check_settings import CheckSetting, Text
from agent.checks.connect import connect, receive, send, why_failed
from agent.checks.days_left import CRITICAL_DAYS, WARNING_DAYS, Days, days_problems, expiry_observation
from agent.checks.deadline import Deadline
from agent.checks.observation import Observation, Probe, worst
from agent.performance_data import Measured
from health.state import State
from rabbitmq.version import __version__

if TYPE_CHECKING:
    from http.client import HTTPResponse
    from ssl import SSLContext

    from _typeshed import WriteableBuffer

LONGEST_SHOWN = 200
HEADERS = (f"User-Agent: healthmon-agent/{__version__}", "Accept: */*", "Connection: close")

Url = Annotated[str, msgspec.Meta(pattern=r"^https?://[\x21-\x7e]+$", max_length=2048)]
Status = Annotated[int, msgspec.Meta(ge=100, le=599)]


class HttpCheck(CheckSetting, frozen=True, kw_only=True):
    """GET `url`, following no redirect: one of `status` must come, and `body` stand in the first `max_body_bytes`.

    A certificate is always verified against the system's certificate authorities.
    """

    kind: ClassVar[str] = "http"

    url: Url
    status: Annotated[tuple[Status, ...], msgspec.Meta(min_length=1)] = (200,)
    body: Text | None = None
    max_body_bytes: Annotated[int, msgspec.Meta(ge=0, le=1024 * 1024)] = 64 * 1024
    certificate_warning_days: Days = WARNING_DAYS
    certificate_critical_days: Days = CRITICAL_DAYS

    def problems(self) -> list[tuple[str, str]]:
        problems = days_problems(self.certificate_warning_days, self.certificate_critical_days, "certificate_")
        return problems + [("url", reason) for reason in _url_problems(self.url)]

    @property
    def shown_url(self) -> str:
        """Without its query, which may hold a secret."""
        return urlunsplit(urlsplit(self.url)._replace(query="", fragment=""))

    def probe(self) -> Probe:
        return self._observe

    def _observe(self, deadline: Deadline) -> Observation:
        # loaded here, because TLS costs an agent memory that has no such check
        from http.client import HTTPException
        from ssl import SSLCertVerificationError

        url, shown = urlsplit(self.url), self.shown_url
        started_seconds = time.monotonic()
        try:
            with _connection(url, deadline) as connection:
                response = _request(connection, url, deadline)
                content = response.read(self.max_body_bytes)
                ends_seconds = _certificate_end(connection)
        except socket.gaierror as error:
            return Observation(State.UNKNOWN, f"{shown}: the name has no address: {why_failed(error)}")
        except SSLCertVerificationError as error:
            return Observation(State.CRITICAL, f"{shown}: its certificate is not trusted: {error.verify_message}")
        except HTTPException as error:
            return Observation(State.CRITICAL, f"{shown} does not speak HTTP: {type(error).__name__} {error}")
        except OSError as error:
            return Observation(State.CRITICAL, f"{shown}: {why_failed(error)}")
        page = self._page_observation(response, content, time.monotonic() - started_seconds)
        return page if ends_seconds is None else worst(page, self._certificate_observation(ends_seconds))

    def _page_observation(self, response: "HTTPResponse", content: bytes, seconds: float) -> Observation:
        measured = (Measured("time", "s", seconds), Measured("size", "B", float(len(content))))
        if response.status not in self.status:
            expected = " or ".join(map(str, self.status))
            target = shown_location(response.headers.get("Location", ""))[:LONGEST_SHOWN]
            points_to = f"; it points to {target}" if target else ""
            text = f"{self.shown_url} answers {response.status}, expected is {expected}{points_to}"
            return Observation(State.CRITICAL, text, measured)
        if self.body is not None and self.body.encode() not in content:
            text = f"{self.shown_url} answers {response.status} without {self.body!r} in its first {len(content)} bytes"
            return Observation(State.CRITICAL, text, measured)
        return Observation(State.OK, f"{self.shown_url} answers {response.status} in {seconds:.3f} s", measured)

    def _certificate_observation(self, ends_seconds: float) -> Observation:
        limits = (self.certificate_warning_days, self.certificate_critical_days)
        return expiry_observation("its certificate", ends_seconds, time.time(), *limits)


def shown_location(target: str) -> str:
    """Where a redirect points to, without what may hold a secret: query, fragment, user and password."""
    try:
        parts = urlsplit(target)
    except ValueError:
        return "what is no URL"
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment=""))


def _certificate_end(connection: socket.socket) -> float | None:
    """When the server's certificate expires, in seconds since the epoch; None without TLS."""
    from ssl import SSLSocket, cert_time_to_seconds

    if not isinstance(connection, SSLSocket):
        return None
    certificate = connection.getpeercert() or {}
    return float(cert_time_to_seconds(str(certificate["notAfter"])))


@contextmanager
def _connection(url: SplitResult, deadline: Deadline) -> "Iterator[socket.socket]":
    """Connected to the URL's server, with TLS for https. Raises OSError and TimeIsUp."""
    host, is_secure = url.hostname or "", url.scheme == "https"
    with connect(host, url.port or (443 if is_secure else 80), deadline) as connection:
        if not is_secure:
            yield connection
            return
        connection.settimeout(deadline.remaining_seconds())
        try:
            secured = _tls_context().wrap_socket(connection, server_hostname=host)
        except TimeoutError as error:
            raise deadline.time_is_up() from error
        with secured:
            yield secured


@cache
def _tls_context() -> "SSLContext":
    """One for all checks: it holds every certificate authority that the system trusts."""
    import ssl

    return ssl.create_default_context()


def _request(connection: socket.socket, url: SplitResult, deadline: Deadline) -> "HTTPResponse":
    """Ask for the page; the answer has been read up to its body. Raises HTTPException, OSError and TimeIsUp."""
    from http.client import HTTPResponse

    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    lines = [f"GET {target} HTTP/1.1", f"Host: {url.netloc}", *HEADERS, "", ""]
    send(connection, deadline, "\r\n".join(lines).encode("ascii"))
    response = HTTPResponse(connection, method="GET")
    response.fp = io.BufferedReader(_Timed(connection, deadline))
    response.begin()
    return response


class _Timed(io.RawIOBase):
    """What a connection answers, with the deadline over each piece of it."""

    def __init__(self, connection: socket.socket, deadline: Deadline) -> None:
        self._connection = connection
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        with memoryview(buffer) as room:
            piece = receive(self._connection, self._deadline, len(room))
            room[: len(piece)] = piece
        return len(piece)


def _url_problems(url: str) -> list[str]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return [f"{error}."]
    problems = []
    if not parts.hostname or port == 0:
        problems.append("must name a host, like https://www.example.org/health.")
    if parts.username is not None or parts.password is not None:
        problems.append("a user or password cannot stand in it.")
    return problems
