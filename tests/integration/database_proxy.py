"""A TCP proxy before a PostgreSQL that can freeze, refuse, or swallow the answer to a commit."""

import socket
import threading
from contextlib import suppress

COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"


class DatabaseProxy:
    """Listens on `port` of 127.0.0.1; `close` ends every connection."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._flowing = threading.Event()
        self._flowing.set()
        self._refusing = False
        self._swallow = False
        self._unheard: socket.socket | None = None
        self.swallowed = 0
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def freeze(self) -> None:
        """Connections stay open, and nothing moves."""
        self._flowing.clear()

    def refuse(self) -> None:
        """Every connection ends at once, also new ones."""
        self._refusing = True
        self._cut()

    def heal(self) -> None:
        self._refusing = False
        self._flowing.set()

    def swallow_next_commit(self) -> None:
        """The server commits; instead of its answer the client gets the end of its connection."""
        self._swallow = True

    def close(self) -> None:
        self._listener.close()
        self._flowing.set()
        self._cut()

    def _cut(self) -> None:
        for end in self._sockets:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._sockets.clear()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self._refusing:
                    client.close()
                    continue
                server = socket.create_connection(self._target)
                self._sockets += [client, server]
                for ends in ((client, server), (server, client)):
                    threading.Thread(target=self._carry, args=ends, daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError), source, target:
            while data := source.recv(65536):
                self._flowing.wait()
                if source is self._unheard:  # this is the answer
                    self._unheard = None
                    self.swallowed += 1
                    for end in (source, target):
                        end.shutdown(socket.SHUT_RDWR)
                    return
                if self._swallow and COMMIT in data:
                    self._swallow, self._unheard = False, target
                target.sendall(data)
