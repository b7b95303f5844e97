"""A receiver of signed web hooks: it journals each request on the witness's file system, then answers as it is told.

SLOW       answers after 25 s, when nobody listens any more
BROKEN     500             GONE  404, which is for ever
TORN       the connection is closed at once: of an https channel, in the middle of its handshake
DOWN       the port is closed
"""

import hashlib
import hmac
import json
import os
import socket
import threading
import time
from dataclasses import dataclass
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from faults.ports import claim_ports

SLOW_SECONDS = 25.0
SECRET = "the sink's"  # noqa: S105 - of this rig alone


class Mode(StrEnum):
    OK = "ok"
    SLOW = "slow"
    BROKEN = "500"
    GONE = "404"
    TORN = "torn"
    DOWN = "down"


STATUS_OF = {Mode.OK: 200, Mode.SLOW: 200, Mode.BROKEN: 500, Mode.GONE: 404}


class Transition(NamedTuple):
    """What a notice tells, by what happened and not by its key."""

    agent_id: str
    rule: str
    subject: str
    opened_ms: int
    kind: str


@dataclass(frozen=True, slots=True)
class Heard:
    """A notice in a request. It is taken when the sender was told so in time."""

    channel: str
    at_ms: int
    mode: Mode
    key: str
    number: int
    transition: Transition
    is_genuine: bool

    @property
    def is_taken(self) -> bool:
        return self.mode is Mode.OK and self.is_genuine


class Sink:
    """Listens from its making to `close`. `modes` are all that it ever was in."""

    def __init__(self, channel: str, journal: Path, scheme: str = "http") -> None:
        self.channel = channel
        self.modes: set[Mode] = {Mode.OK}
        self._mode = Mode.OK
        self._journal = journal
        self._descriptor = os.open(journal, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        self._writing = threading.Lock()
        self._ending = threading.Event()
        (self._port,) = claim_ports(1)  # it is ours also while nobody listens
        self._server: _Server | None = None
        self._listen()
        self.url = f"{scheme}://127.0.0.1:{self._port}/"

    @property
    def mode(self) -> Mode:
        return self._mode

    def set(self, mode: Mode) -> None:
        """From now on."""
        if mode is Mode.DOWN:
            self._hang_up()
        elif self._server is None:
            self._listen()
        self._mode = mode
        self.modes.add(mode)

    def close(self) -> None:
        self._ending.set()
        self._hang_up()
        os.close(self._descriptor)

    def heard(self) -> list[Heard]:
        """Every notice of every request so far, in their order."""
        return [item for line in self._journal.read_text().splitlines() for item in _heard(self.channel, line)]

    def take(self, headers: dict[str, str], body: bytes) -> int:
        """Journal a request; returns the status to answer with, after the time it takes."""
        mode, is_genuine = self._mode, _is_genuine(headers, body)
        notices = json.loads(body)["notices"] if is_genuine else []
        line = json.dumps(
            {
                "at_ms": time.time_ns() // 1_000_000,
                "mode": mode,
                "id": headers["healthmon-id"],
                "is_genuine": is_genuine,
                "status": STATUS_OF.get(mode),
                "notices": notices,
            }
        )
        with self._writing:
            os.write(self._descriptor, f"{line}\n".encode())
            os.fsync(self._descriptor)
        if mode is Mode.SLOW:
            self._ending.wait(SLOW_SECONDS)
        return STATUS_OF.get(mode, 503) if is_genuine else 401

    def _listen(self) -> None:
        self._server = _Server(self, self._port)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def _hang_up(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, sink: Sink, port: int) -> None:
        self.sink = sink
        super().__init__(("127.0.0.1", port), _Handler)

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ARG002 - the base class calls it so
        return self.sink.mode is not Mode.TORN

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever hangs up before the answer is part of the game."""

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        super().server_bind()


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = self.server.sink.take({name.lower(): value for name, value in self.headers.items()}, body)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """The journal has it all."""


def _is_genuine(headers: dict[str, str], body: bytes) -> bool:
    signed = b".".join((headers["healthmon-id"].encode(), headers["healthmon-timestamp"].encode(), body))
    ours = f"sha256={hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()}"
    return hmac.compare_digest(ours, headers["healthmon-signature"])


def _heard(channel: str, line: str) -> list[Heard]:
    request = json.loads(line)
    return [
        Heard(
            channel=channel,
            at_ms=request["at_ms"],
            mode=Mode(request["mode"]),
            key=notice["key"],
            number=notice["number"],
            transition=Transition(
                notice["agent_id"], notice["rule"], notice["subject"], notice["opened_ms"], notice["kind"]
            ),
            is_genuine=request["is_genuine"],
        )
        for notice in request["notices"]
    ]
