"""Sends what the spool keeps: the newest first, then the backlog from its oldest end, all of it confirmed.

Spool, window and link meet here. The link and the window belong to the loop's thread; other threads only nudge it.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pika.adapters.select_connection import IOLoop

from agent.backoff import RECONNECT_MAX_SECONDS, Backoff
from agent.batch import Batch, Source
from agent.broker_trouble import Trouble
from agent.link import Link
from agent.link_log import LinkLog
from agent.pace import Pace
from agent.spool import SpoolUnavailable
from agent.statement_reader import StatementReader
from agent.window import Answer, Message, Window
from rabbitmq.connection import BrokerAddress
from rabbitmq.message import MAX_RECORDS, Envelope, encode
from rabbitmq.statement import STATEMENT_TYPE

MAX_RAW_BYTES = 128 * 1024
STALL_CHECK_SECONDS = 15.0
PAUSE_MAX_SECONDS = 30.0  # after a refusal, before the broker is asked again

log = logging.getLogger("agent.publisher")


@dataclass(frozen=True, slots=True)
class HubState:
    """The link as a person asks for it; times are Unix seconds. Disconnected without a `why`: not tried out yet."""

    state: Literal["connected", "blocked", "disconnected"]
    since_seconds: float
    why: str = ""
    advice: str = ""


class Publisher:
    """Works on `loop` from `open` to `close`; one loop may serve many. `on_command` is called on the loop's thread."""

    def __init__(
        self,
        spool: Source,
        broker: BrokerAddress,
        loop: IOLoop,
        *,
        agent_id: str,
        name: str,
        on_command: Callable[[bytes], None],
        reconnect_max_seconds: float = RECONNECT_MAX_SECONDS,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.loop = loop
        self._spool = spool
        self._agent_id = agent_id
        self._on_command = on_command
        self._wall_clock = wall_clock
        self._window = Window()
        self._log = LinkLog(str(broker))
        self._backoff = Backoff(PAUSE_MAX_SECONDS)
        self._disk_refuses = False
        self._pace = Pace()
        self._timer: object = None
        self._statements = StatementReader(agent_id)
        self._link = Link(
            loop,
            broker,
            self,
            connection_name=f"healthmon-agent/{name}",
            agent_id=agent_id,
            backoff=Backoff(reconnect_max_seconds),
        )
        self._when_closed: Callable[[], None] | None = None
        self._settled = threading.Condition()
        self.hub = HubState("disconnected", time.time())
        self.confirmed_count = 0
        self.last_confirmed_seconds: float | None = None

    def open(self) -> None:
        """Connect, and stay connected until `close`. On the loop's thread, as all but `nudge` and `wait_until_sent`."""
        self._link.open()
        self.loop.call_later(STALL_CHECK_SECONDS, self._check_stall)

    def close(self, then: Callable[[], None]) -> None:
        """Close the link for good; `then` is called when nothing of it is left on the loop."""
        self._when_closed = then
        self._link.close()

    def nudge(self) -> None:
        """Something new is in the spool. Any thread."""
        self.loop.add_callback_threadsafe(self._fill)

    def wait_until_sent(self, timeout_seconds: float) -> None:
        """Return when all is confirmed, when there is no hub to send it to, or after the time-out. Any thread."""
        with self._settled:
            self._settled.wait_for(self._is_settled, timeout_seconds)

    def let_waiters_go(self) -> None:
        """Nothing will be sent any more, or all is: `wait_until_sent` looks again. Any thread."""
        with self._settled:
            self._settled.notify_all()

    def _is_settled(self) -> bool:
        return self._spool.count == 0 or self.hub.state != "connected"

    # --- what the link tells, on the loop's thread ---

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

    def received(self, body: bytes, kind: str) -> None:
        if kind != STATEMENT_TYPE:
            self._on_command(body)
        elif statement := self._statements.read(body):
            self._try_with_disk(lambda: self._spool.settle(statement))
            self._fill()

    def link_closed(self) -> None:
        self._spool.put_back(self._window.closed())
        self._become(HubState("disconnected", time.time(), "closed"))
        if self._when_closed is not None:
            self._when_closed()

    # --- sending ---

    def _fill(self) -> None:
        """Send until the window refuses or nothing waits; what the disk does not give is tried again with the next."""
        self._try_with_disk(self._send_all)

    def _send_all(self) -> None:
        while self._may_send() and (batch := self._next_batch()):
            self._send(batch)

    def _try_with_disk(self, act: Callable[[], None]) -> None:
        try:
            act()
        except SpoolUnavailable as error:
            if not self._disk_refuses:
                log.error("spool cannot be read (%s), sending nothing until it can", error)
            self._disk_refuses = True
        else:
            self._disk_refuses = False

    def _may_send(self) -> bool:
        return self._link.can_publish and self._window.refusal(time.monotonic()) is None

    def _next_batch(self) -> Batch | None:
        """With a backlog the newest record goes first and alone, the rest at its pace; a few records go together.
        Before all of them, the oldest tries whether the broker reads: it is history anyhow."""
        if not self._window.has_answered:
            return self._spool.take_oldest(1, MAX_RAW_BYTES)
        if self._spool.waiting_count <= MAX_RECORDS:
            return self._spool.take_oldest(MAX_RECORDS, MAX_RAW_BYTES)
        newest = self._spool.take_newest()
        if newest is not None:
            return newest
        wait_seconds = self._pace.wait_seconds(time.monotonic())
        if wait_seconds > 0:
            self._fill_after(wait_seconds)
            return None
        return self._spool.take_oldest(MAX_RECORDS, MAX_RAW_BYTES)

    def _fill_after(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(seconds, self._timer_rang)

    def _timer_rang(self) -> None:
        self._timer = None
        self._fill()

    def _send(self, batch: Batch) -> None:
        """All of the batch is in the window afterwards, or, when this raises, waiting again."""
        try:
            envelope = self._envelope(batch)
            delivery_tag = self._link.publish(envelope)
        except BaseException:
            self._spool.put_back(batch.positions)
            raise
        self._window.published(delivery_tag, Message(envelope.message_id, batch.positions), time.monotonic())

    def _envelope(self, batch: Batch) -> Envelope:
        numbered = [(row.seq, row.body) for row in batch.rows]
        return encode(self._agent_id, batch.epoch, numbered, numbering=batch.numbering, now_seconds=self._wall_clock())

    def _answered(self, answer: Answer) -> None:
        if answer.confirmed:
            self._confirm(answer.confirmed)
        if answer.again:
            self._pause(answer)
        self._fill()

    def _confirm(self, positions: tuple[int, ...]) -> None:
        self._spool.confirm(positions)
        self.confirmed_count += len(positions)
        self.last_confirmed_seconds = time.time()
        self._backoff.reset()
        self._link.confirmed()
        all_sent = self._spool.count == 0
        self._log.confirmed(len(positions), all_sent=all_sent)
        if all_sent:
            self.let_waiters_go()

    def _pause(self, answer: Answer) -> None:
        self._spool.put_back(answer.again)
        self._log.refused(answer.reason)
        delay_seconds = self._backoff.next_seconds()
        self._window.paused(time.monotonic() + delay_seconds)
        self.loop.call_later(delay_seconds, self._fill)

    def _check_stall(self) -> None:
        if self._when_closed is not None:
            return
        if self._window.stalled(time.monotonic()):
            self._link.renew(Trouble("the broker confirms nothing"))
        self.loop.call_later(STALL_CHECK_SECONDS, self._check_stall)

    def _become(self, hub: HubState) -> None:
        self.hub = hub
        self.let_waiters_go()
