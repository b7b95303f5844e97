"""Heartbeats go out only into silence, and a message goes out in one piece."""

from collections.abc import Callable
from typing import Any

from agent.connection import Connection, IdleHeartbeat

TIMEOUT_SECONDS = 8
IDLE_SECONDS = 6.0


class FakeLine:
    """What a heartbeat needs of a connection, on a clock that is moved by hand."""

    def __init__(self) -> None:
        self.now_seconds = 0.0
        self.sent_at_seconds: list[float] = []
        self.bytes_received = self.bytes_sent = 0
        self._timers: dict[int, tuple[float, Callable[[], None]]] = {}
        self._next_timer = 0
        self.heartbeat = IdleHeartbeat(self, TIMEOUT_SECONDS)

    def _adapter_call_later(self, seconds: float, call: Callable[[], None]) -> int:
        self._next_timer += 1
        self._timers[self._next_timer] = (self.now_seconds + seconds, call)
        return self._next_timer

    def _adapter_remove_timeout(self, timer: int) -> None:
        self._timers.pop(timer, None)

    def _send_frame(self, _frame: Any) -> None:
        self.sent_at_seconds.append(self.now_seconds)
        self.heartbeat.sent()

    def pass_seconds(self, seconds: float) -> None:
        """Timers ring in their order; the broker says something every second."""
        until = self.now_seconds + seconds
        while due := [(at, timer) for timer, (at, _) in self._timers.items() if at <= until]:
            self.now_seconds, timer = min(due)
            self.bytes_received += 1
            self._timers.pop(timer)[1]()
        self.now_seconds = until


def test_heartbeats_go_out_while_nothing_else_does() -> None:
    line = FakeLine()
    line.pass_seconds(3 * IDLE_SECONDS)
    assert line.sent_at_seconds == [IDLE_SECONDS, 2 * IDLE_SECONDS, 3 * IDLE_SECONDS]


def test_what_is_sent_stands_for_a_heartbeat() -> None:
    line = FakeLine()
    for _ in range(20):
        line.pass_seconds(IDLE_SECONDS - 1)
        line.heartbeat.sent()
    assert line.sent_at_seconds == []
    line.pass_seconds(IDLE_SECONDS)
    assert len(line.sent_at_seconds) == 1


def test_a_line_that_is_closed_sends_none() -> None:
    line = FakeLine()
    line.heartbeat.stop()
    line.pass_seconds(100)
    assert line.sent_at_seconds == []


def test_the_frames_of_a_message_are_sent_together() -> None:
    connection = Connection.__new__(Connection)
    sent: list[bytes] = []
    connection.bytes_sent = connection.frames_sent = 0
    connection._heartbeat_checker = None
    connection._adapter_emit_data = sent.append
    connection._output_marshaled_frames([b"method", b"header", b"body"])
    assert sent == [b"methodheaderbody"]
    assert connection.bytes_sent == len(sent[0])
