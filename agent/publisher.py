"""Sends what the spool keeps: the newest first, then the backlog from its oldest end, all of it confirmed.

Spool, window and link meet here. The link and the window belong to the I/O thread; other threads only nudge it.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pika.adapters.select_connection import IOLoop

from agent.backoff import Backoff
from agent.broker_trouble import Trouble
from agent.link import Link
from agent.link_log import LinkLog
from agent.spool import NumberedBody, Spool, SpoolUnavailable
from agent.window import Answer, Message, Window
from rabbitmq.connection import BrokerAddress
from rabbitmq.message import MAX_RECORDS, Envelope, Numbering, encode

MAX_RAW_BYTES = 128 * 1024
STALL_CHECK_SECONDS = 5.0
CLOSE_SECONDS = 2.0

log = logging.getLogger("agent.publisher")


@dataclass(frozen=True, slots=True)
class HubState:
    """The link as a person asks for it; times are Unix seconds."""

    state: Literal["connected", "blocked", "disconnected"]
    since_seconds: float
    why: str = ""
    advice: str = ""


class Publisher:
    """Runs the link on a thread of its own from `start` to `stop`. `on_command` is called on that thread."""

    def __init__(
        self, spool: Spool, broker: BrokerAddress, *, agent_id: str, name: str, on_command: Callable[[bytes], None]
    ) -> None:
        self._spool = spool
        self._agent_id = agent_id
        self._on_command = on_command
        self._window = Window()
        self._loop = IOLoop()
        self._log = LinkLog(str(broker))
        self._backoff = Backoff()
        self._disk_refuses = False
        self._link = Link(self._loop, broker, self, connection_name=f"healthmon-agent/{name}", backoff=Backoff())
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self._settled = threading.Condition()
        self.hub = HubState("disconnected", time.time(), "not connected yet")
        self.confirmed_count = 0
        self.last_confirmed_seconds: float | None = None
        self.failure: BaseException | None = None

    def start(self) -> None:
        self._thread.start()

    def nudge(self) -> None:
        """Something new is in the spool. Any thread."""
        self._loop.add_callback_threadsafe(self._fill)

    def wait_until_sent(self, timeout_seconds: float) -> None:
        """Return when all is confirmed, when there is no hub to send it to, or after the time-out. Any thread."""
        with self._settled:
            self._settled.wait_for(self._is_settled, timeout_seconds)

    def stop(self) -> None:
        """Close the link and end the thread; what is unconfirmed stays in the spool."""
        self._loop.add_callback_threadsafe(self._link.close)
        self._thread.join(CLOSE_SECONDS)

    def _is_settled(self) -> bool:
        return self._spool.count == 0 or self.hub.state != "connected" or not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._link.open()
            self._loop.call_later(STALL_CHECK_SECONDS, self._check_stall)
            self._loop.start()
        except Exception as error:  # noqa: BLE001 - a thread has no caller; the agent's loop looks here and ends
            self.failure = error
        finally:
            self._loop.close()
            self._tell_waiters()

    # --- what the link tells, on the I/O thread ---

    def link_up(self) -> None:
        self._window.opened()
        self._log.up(time.monotonic())
        self._become(HubState("connected", time.time()))
        self._fill()

    def link_down(self, trouble: Trouble, retry_seconds: float) -> None:
        self._spool.put_back(self._window.closed())
        self._log.down(trouble, retry_seconds, time.monotonic())
        since_seconds = self.hub.since_seconds if self.hub.state == "disconnected" else time.time()
        self._become(HubState("disconnected", since_seconds, trouble.why, trouble.advice))

    def acked(self, delivery_tag: int, multiple: bool) -> None:
        self._answered(self._window.acked(delivery_tag, multiple, time.monotonic()))

    def nacked(self, delivery_tag: int, multiple: bool) -> None:
        self._answered(self._window.nacked(delivery_tag, multiple, time.monotonic()))

    def returned(self, message_id: str) -> None:
        self._window.returned(message_id)

    def blocked(self) -> None:
        self._window.blocked()
        self._log.blocked()
        self._become(HubState("blocked", time.time(), "the broker is short of disk or memory"))

    def unblocked(self) -> None:
        self._window.unblocked(time.monotonic())
        self._log.unblocked()
        self._become(HubState("connected", time.time()))
        self._fill()

    def command(self, body: bytes) -> None:
        self._on_command(body)

    # --- sending ---

    def _fill(self) -> None:
        """Send until the window refuses or nothing waits; what the disk does not give is tried again with the next."""
        try:
            while self._may_send() and (batch := self._next_batch()):
                self._send(batch)
        except SpoolUnavailable as error:
            if not self._disk_refuses:
                log.error("spool cannot be read (%s), sending nothing until it can", error)
            self._disk_refuses = True
        else:
            self._disk_refuses = False

    def _may_send(self) -> bool:
        return self._link.can_publish and self._window.refusal(time.monotonic()) is None

    def _next_batch(self) -> list[NumberedBody]:
        """With a backlog the newest record goes first and alone; a few records go together in their order."""
        if self._spool.waiting_count > MAX_RECORDS:
            newest = self._spool.take_newest()
            if newest is not None:
                return [newest]
        return self._spool.take_oldest(MAX_RECORDS, MAX_RAW_BYTES)

    def _send(self, batch: list[NumberedBody]) -> None:
        """All of the batch is in the window afterwards, or, when this raises, waiting again."""
        seqs = tuple(seq for seq, _ in batch)
        try:
            envelope = self._envelope(batch)
            delivery_tag = self._link.publish(envelope)
        except BaseException:
            self._spool.put_back(seqs)
            raise
        self._window.published(delivery_tag, Message(envelope.message_id, seqs), time.monotonic())

    def _envelope(self, batch: list[NumberedBody]) -> Envelope:
        return encode(
            self._agent_id,
            self._spool.epoch,
            batch,
            numbering=Numbering(self._spool.last_seq, self._spool.oldest_seq or batch[0][0]),
            now_seconds=time.time(),
        )

    def _answered(self, answer: Answer) -> None:
        if answer.confirmed:
            self._confirm(answer.confirmed)
        if answer.again:
            self._pause(answer)
        self._fill()

    def _confirm(self, seqs: tuple[int, ...]) -> None:
        self._spool.confirm(seqs)
        self.confirmed_count += len(seqs)
        self.last_confirmed_seconds = time.time()
        self._backoff.reset()
        self._link.healthy()
        all_sent = self._spool.count == 0
        self._log.confirmed(len(seqs), all_sent=all_sent)
        if all_sent:
            self._tell_waiters()

    def _pause(self, answer: Answer) -> None:
        self._spool.put_back(answer.again)
        self._log.refused(answer.reason)
        delay_seconds = self._backoff.next_seconds()
        self._window.paused(time.monotonic() + delay_seconds)
        self._loop.call_later(delay_seconds, self._fill)

    def _check_stall(self) -> None:
        if self._window.stalled(time.monotonic()):
            self._link.renew(Trouble("the broker confirms nothing"))
        self._loop.call_later(STALL_CHECK_SECONDS, self._check_stall)

    def _become(self, hub: HubState) -> None:
        self.hub = hub
        self._tell_waiters()

    def _tell_waiters(self) -> None:
        with self._settled:
            self._settled.notify_all()
