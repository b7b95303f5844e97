"""A TCP proxy that does to a connection what networks do. It runs on a thread of its own; any thread may call it.

`up` is the way from the client to the server, `down` the way back. Faults hold until
`heal`, for old and new connections.
"""

import asyncio
import random
import re
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Direction = Literal["up", "down"]
BOTH: tuple[Direction, Direction] = ("up", "down")
CHUNK_BYTES = 64 * 1024
CLIENT = re.compile(rb"healthmon-agent/([a-z0-9-]+)")  # as an AMQP connection calls itself in its handshake


@dataclass
class Faults:
    """What happens to bytes on their way, each by direction."""

    swallowed: frozenset[Direction] = frozenset()
    delay_seconds: float = 0.0
    jitter_seconds: float = 0.0
    bytes_per_second: float | None = None
    cut_after_bytes: dict[Direction, int] = field(default_factory=dict)
    flip_byte: dict[Direction, int] = field(default_factory=dict)
    forget_idle_seconds: float | None = None
    cut_reply_to: bytes | None = None
    is_refusing: bool = False


class FaultProxy:
    """Listens on `port` of `host` and passes all on to the target, faithfully unless told otherwise."""

    def __init__(self, target_host: str, target_port: int, host: str = "127.0.0.1") -> None:
        self._target = (target_host, target_port)
        self._faults = Faults()
        self._connections: set[_Connection] = set()
        self._loop = asyncio.new_event_loop()
        self._listening = socket.create_server((host, 0), backlog=512)
        self.port: int = self._listening.getsockname()[1]
        self.accepted = 0
        self.spoilt: Counter[str] = Counter()
        """How many connections of each agent met their cut or their flipped byte."""
        self._thread = threading.Thread(target=self._run, name="fault proxy", daemon=True)
        self._thread.start()

    def swallow(self, *directions: Direction) -> None:
        """Bytes vanish without a word. `heal` resets a connection that lost some: no stream can go on like that."""
        self._set(swallowed=frozenset(directions or BOTH))

    def slow(
        self, *, delay_seconds: float = 0, jitter_seconds: float = 0, bytes_per_second: float | None = None
    ) -> None:
        """Latency with jitter (order is kept) and a limit of throughput."""
        self._set(delay_seconds=delay_seconds, jitter_seconds=jitter_seconds, bytes_per_second=bytes_per_second)

    def cut_after(self, direction: Direction, count_bytes: int) -> None:
        """Each new connection is reset once so many bytes have passed."""
        self._set(cut_after_bytes={direction: count_bytes})

    def flip(self, direction: Direction, place: int) -> None:
        """In each new connection the bits of the byte at `place` are turned over."""
        self._set(flip_byte={direction: place})

    def forget_idle(self, seconds: float) -> None:
        """As a NAT: a connection that was silent for so long leads nowhere from then on."""
        self._set(forget_idle_seconds=seconds)

    def cut_reply_to(self, request: bytes) -> None:
        """The next time `request` passes up, the server gets it and the client is reset instead of an answer."""
        self._set(cut_reply_to=request)

    @property
    def reply_was_cut(self) -> bool:
        return self._faults.cut_reply_to is None

    def freeze(self) -> None:
        """Nothing moves in either direction; nothing is lost."""
        self._each(lambda connection: connection.moving.clear())

    def thaw(self) -> None:
        self._each(lambda connection: connection.thaw())

    def reset(self) -> None:
        """RST to both ends of every connection."""
        self._each(lambda connection: connection.reset())

    def half_close(self, direction: Direction) -> None:
        """FIN to whoever receives in that direction, while the other way stays open."""
        self._each(lambda connection: connection.finish(direction))

    def refuse(self) -> None:
        """New connections are reset at once, those that are there go on."""
        self._set(is_refusing=True)

    def heal(self) -> None:
        """No faults any more; connections that lost bytes are reset."""
        self._call(lambda: setattr(self, "_faults", Faults()))
        self._each(lambda connection: connection.heal())

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _set(self, **changed: Any) -> None:
        self._call(lambda: setattr(self, "_faults", replace(self._faults, **changed)))

    def _each(self, action: "Callable[[_Connection], object]") -> None:
        self._call(lambda: [action(connection) for connection in list(self._connections)])

    def _call(self, change: Callable[[], object]) -> None:
        """On the loop's thread, done when this returns."""
        done = threading.Event()

        def change_and_tell() -> None:
            change()
            done.set()

        self._loop.call_soon_threadsafe(change_and_tell)
        done.wait(5)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, sock=self._listening))
        self._loop.run_forever()
        server.close()
        for connection in list(self._connections):
            connection.reset()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        if self._faults.is_refusing:
            _reset(writer)
            return
        try:
            upstream = await asyncio.open_connection(*self._target)
        except (OSError, asyncio.CancelledError):
            _reset(writer)
            return
        connection = _Connection(lambda: self._faults, (reader, writer), upstream, self.spoilt)
        self._connections.add(connection)
        try:
            with suppress(asyncio.CancelledError):  # by `close`, nobody else
                await connection.run()
        finally:
            connection.reset()
            self._connections.discard(connection)


Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _Connection:
    """Both ways of one connection."""

    def __init__(self, faults: Callable[[], Faults], client: Stream, server: Stream, spoilt: "Counter[str]") -> None:
        self._faults, self._spoilt = faults, spoilt
        self._client = ""
        self._ends: dict[Direction, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {
            "up": (client[0], server[1]),
            "down": (server[0], client[1]),
        }
        self._passed: dict[Direction, int] = {"up": 0, "down": 0}
        self._heard_seconds = asyncio.get_running_loop().time()
        self._reply_is_cut = self._forgotten = False
        self.lost_bytes = False
        self.moving = asyncio.Event()
        self.moving.set()

    async def run(self) -> None:
        await asyncio.gather(*(self._pass_on(direction) for direction in BOTH))

    def reset(self) -> None:
        for _, writer in self._ends.values():
            _reset(writer)

    def thaw(self) -> None:
        self.moving.set()

    def heal(self) -> None:
        self.thaw()
        if self.lost_bytes:
            self.reset()

    def finish(self, direction: Direction) -> None:
        with suppress(OSError, RuntimeError):
            self._ends[direction][1].write_eof()

    async def _pass_on(self, direction: Direction) -> None:
        reader, writer = self._ends[direction]
        writer.transport.set_write_buffer_limits(0)  # so that draining means sent
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        writing = asyncio.create_task(self._write(waiting, writer))
        try:
            while data := await reader.read(CHUNK_BYTES):
                await self.moving.wait()
                if direction == "down" and self._reply_is_cut:
                    return self.reset()
                if not self._is_swallowed(direction):
                    due_seconds = asyncio.get_running_loop().time() + _delay(self._faults())
                    waiting.put_nowait((due_seconds, self._changed(direction, data)))
                if self._is_at_the_cut(direction):
                    await waiting.join()
                    return self.reset()
            await waiting.join()
            self.finish(direction)
        except OSError:
            self.reset()
        finally:
            writing.cancel()

    def _is_swallowed(self, direction: Direction) -> bool:
        now_seconds, limit_seconds = asyncio.get_running_loop().time(), self._faults().forget_idle_seconds
        self._forgotten |= limit_seconds is not None and now_seconds - self._heard_seconds > limit_seconds
        self._heard_seconds = now_seconds
        swallowed = self._forgotten or direction in self._faults().swallowed
        self.lost_bytes |= swallowed
        return swallowed

    def _changed(self, direction: Direction, data: bytes) -> bytes:
        """The bytes with the flip and up to the cut, and counted."""
        faults, start = self._faults(), self._passed[direction]
        self._passed[direction] += len(data)
        if direction == "up" and faults.cut_reply_to is not None and faults.cut_reply_to in data:
            faults.cut_reply_to, self._reply_is_cut = None, True
        if direction == "up" and not self._client and (name := CLIENT.search(data)):
            self._client = name[1].decode()
        place = faults.flip_byte.get(direction, -1) - start
        cut = faults.cut_after_bytes.get(direction)
        is_spoilt = 0 <= place < len(data) or (cut is not None and start < cut <= self._passed[direction])
        if is_spoilt and self._client:
            self._spoilt[self._client] += 1
        if 0 <= place < len(data):
            data = data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]
        return data if cut is None else data[: max(0, cut - start)]

    def _is_at_the_cut(self, direction: Direction) -> bool:
        cut = self._faults().cut_after_bytes.get(direction)
        return cut is not None and self._passed[direction] >= cut

    async def _write(self, waiting: "asyncio.Queue[tuple[float, bytes]]", writer: asyncio.StreamWriter) -> None:
        while True:
            due_seconds, data = await waiting.get()
            await asyncio.sleep(max(0.0, due_seconds - asyncio.get_running_loop().time()))
            with suppress(OSError):
                if not writer.is_closing():
                    writer.write(data)
                    await writer.drain()
            if (limit := self._faults().bytes_per_second) is not None:
                await asyncio.sleep(len(data) / limit)
            waiting.task_done()


def _delay(faults: Faults) -> float:
    return max(0.0, faults.delay_seconds + random.uniform(-faults.jitter_seconds, faults.jitter_seconds))  # noqa: S311


def _reset(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    with suppress(OSError):
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # RST instead of FIN
    writer.transport.abort()
