"""pika's connection, cheaper for a thread that sleeps nearly all the time: it is waking up and sending that costs."""

from collections.abc import Sequence
from typing import Any

from pika.adapters.select_connection import SelectConnection
from pika.heartbeat import HeartbeatChecker

IDLE_FRACTION = 0.75  # of the heartbeat time-out; the broker gives up after one without a byte at the earliest


class IdleHeartbeat(HeartbeatChecker):  # type: ignore[misc]  # the driver is not typed
    """Sends only when nothing else was sent for a while; pika sends twice in each time-out, whatever else it sends."""

    def __init__(self, connection: Any, timeout: int) -> None:
        super().__init__(connection, timeout)
        self._send_interval = IDLE_FRACTION * timeout
        self.sent()

    def sent(self) -> None:
        """Something was: the wait begins anew."""
        if self._send_timer is not None:
            self._connection._adapter_remove_timeout(self._send_timer)
        self._start_send_timer()

    def _send_heartbeat(self) -> None:
        self._send_timer = None
        self._send_heartbeat_frame()  # which calls `sent`


class Connection(SelectConnection):  # type: ignore[misc]  # the driver is not typed
    """Sends a message at once, where pika sends each of its frames alone, and can be closed while it is being made:
    pika 1.4.4 passes a class then where it means an error."""

    def _output_marshaled_frames(self, marshaled_frames: Sequence[bytes]) -> None:
        super()._output_marshaled_frames([b"".join(marshaled_frames)])
        if self._heartbeat_checker is not None:
            self._heartbeat_checker.sent()

    def _create_heartbeat_checker(self) -> IdleHeartbeat | None:
        timeout = self.params.heartbeat
        return IdleHeartbeat(self, timeout) if timeout else None

    def _on_connection_workflow_done(self, conn_or_exc: Any) -> None:
        super()._on_connection_workflow_done(conn_or_exc() if isinstance(conn_or_exc, type) else conn_or_exc)
