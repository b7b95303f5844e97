"""A TCP port: does it accept, and does it answer what it should?"""

import socket
import time
from typing import Annotated, ClassVar

import msgspec

from agent.check_settings import CheckSetting, Text
from agent.checks.connect import connect, receive, send, why_failed
from agent.checks.deadline import Deadline
from agent.checks.observation import Observation, Probe
from agent.performance_data import Measured
from health.state import State

MOST_BYTES = 64 * 1024
SHOWN_CHARACTERS = 200

Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]


class TcpCheck(CheckSetting, frozen=True, kw_only=True):
    """`send` is written after connecting; `expect` must then stand somewhere in the first MOST_BYTES of the answer."""

    kind: ClassVar[str] = "tcp"

    host: Text
    port: Port
    send: Text | None = None
    expect: Text | None = None

    def probe(self) -> Probe:
        return self._observe

    def _observe(self, deadline: Deadline) -> Observation:
        place = f"{self.host} port {self.port}"
        started_seconds = time.monotonic()
        try:
            with connect(self.host, self.port, deadline) as connection:
                answer = self._talk(connection, deadline)
        except socket.gaierror as error:
            return Observation(State.UNKNOWN, f"{self.host}: the name has no address: {why_failed(error)}")
        except OSError as error:
            return Observation(State.CRITICAL, f"{place}: {why_failed(error)}")
        seconds = time.monotonic() - started_seconds
        measured = (Measured("time", "s", seconds),)
        if answer is not None and self.expect is not None and self.expect.encode() not in answer:
            shown = answer[:SHOWN_CHARACTERS].decode("utf-8", "replace")
            return Observation(State.CRITICAL, f"{place} answers without {self.expect!r}: {shown!r}", measured)
        return Observation(State.OK, f"{place} answers in {seconds:.3f} s", measured)

    def _talk(self, connection: socket.socket, deadline: Deadline) -> bytes | None:
        """What it answered up to what is expected; None when nothing is."""
        if self.send is not None:
            send(connection, deadline, self.send.encode())
        if self.expect is None:
            return None
        expected, answer = self.expect.encode(), b""
        while expected not in answer and len(answer) < MOST_BYTES:
            piece = receive(connection, deadline, MOST_BYTES - len(answer))
            if not piece:
                break
            answer += piece
        return answer
