"""A receiver of web hooks, written from docs/webhook.md alone: it imports nothing of healthmon."""

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MOST_SECONDS_OLD = 300


@dataclass
class WebHookReceiver:
    """Keeps genuine notices, copies left out; `status` is what it answers, after `takes` or without taking anything."""

    secret: str
    url: str = ""
    status: int = 200
    takes: bool = True
    location: str = ""
    hangs: threading.Event | None = None
    requests: int = 0
    forged: int = 0
    bodies: list[dict[str, Any]] = field(default_factory=list)
    notices: dict[str, dict[str, Any]] = field(default_factory=dict)

    def receive(self, headers: Any, body: bytes) -> int:
        self.requests += 1
        if not self._is_genuine(headers, body):
            self.forged += 1
            return 401
        if self.takes:
            message = json.loads(body)
            assert message["version"] == 1
            self.bodies.append(message)
            for notice in message["notices"]:
                self.notices.setdefault(notice["key"], notice)
        return self.status

    def kinds_of(self, number: int) -> list[str]:
        return [notice["kind"] for notice in self.notices.values() if notice["number"] == number]

    def _is_genuine(self, headers: Any, body: bytes) -> bool:
        signed = f"{headers['Healthmon-Id']}.{headers['Healthmon-Timestamp']}.".encode() + body
        expected = "sha256=" + hmac.new(self.secret.encode(), signed, hashlib.sha256).hexdigest()
        is_recent = abs(time.time() - int(headers["Healthmon-Timestamp"])) <= MOST_SECONDS_OLD
        return is_recent and hmac.compare_digest(expected, headers["Healthmon-Signature"])


@contextmanager
def receiving(secret: str) -> Iterator[WebHookReceiver]:
    """A receiver on a free port of this machine."""
    receiver = WebHookReceiver(secret)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if receiver.hangs is not None:
                receiver.hangs.wait(60)
            self.send_response(receiver.receive(self.headers, body))
            if receiver.location:
                self.send_header("Location", receiver.location)
            self.end_headers()
            self.wfile.write(b"thank you")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_port}/hook?from=healthmon"
    try:
        yield receiver
    finally:
        if receiver.hangs is not None:
            receiver.hangs.set()
        server.shutdown()
        server.server_close()
        thread.join()
