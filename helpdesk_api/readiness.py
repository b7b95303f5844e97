"""Whether records flow from the exchange into the database, told by the last canary that made the whole way."""

import logging
from dataclasses import dataclass

from console.quantities import span
from helpdesk_api.desk import Desk
from helpdesk_api.once_a_minute import OnceAMinute
from helpdesk_api.queue_gauge import QueueLook
from helpdesk_api.words import count
from store import flow
from store.engine import StoreUnavailable, reading
from store.model import CLOCK_TOLERANCE_MS, Flow

FLOW_LATE_MS = 60_000
_log = logging.getLogger(__name__)
_log.addFilter(OnceAMinute())


@dataclass(frozen=True, slots=True)
class Link:
    """One link of the chain and how it is."""

    name: str
    ok: bool
    reason: str


def links(desk: Desk) -> list[Link]:
    """The chain from this program outwards: database, broker, flow. The first that is not ok is where to look.

    Everybody may read this, so the reasons name no address and no account; the log does.
    """
    try:
        with reading(desk.engine) as connection:
            last = flow.last_flow(connection)
    except StoreUnavailable as error:
        _log.warning("database unavailable: %s", error)
        return [Link("database", False, "The database does not answer. Start it, or mend HEALTHMON_DATABASE_URL.")]
    found = flow_link(last, desk.sender.queue, desk.now_ms())
    return [Link("database", True, "answers"), broker_link(desk), found]


def broker_link(desk: Desk) -> Link:
    if not desk.sender.connected:
        return Link("broker", False, "RabbitMQ is not reached. Start it, or mend HEALTHMON_RABBITMQ_HOST.")
    if desk.sender.blocked is not None:
        told = (
            f"RabbitMQ is in alarm and takes no messages ({desk.sender.blocked}). Agents keep their records meanwhile."
        )
        return Link("broker", False, f"{told} Free disk or memory on its host; it goes on by itself.")
    return Link("broker", True, "connected")


def flow_link(last: Flow | None, queue: QueueLook | None, now_ms: int) -> Link:
    """`queue` tells the causes apart where it is known: nobody takes messages, or somebody is behind with them."""
    if last is None:
        return Link("flow", False, "Nothing went from the exchange into the database yet. Does the processor run?")
    stored_ago_ms, sent_ago_ms = now_ms - last.stored_ms, now_ms - last.sent_ms
    if min(stored_ago_ms, sent_ago_ms) < -CLOCK_TOLERANCE_MS:
        return Link(
            "flow", False, "What was stored last is dated ahead of the server's clock. Check the server's time."
        )
    if stored_ago_ms > FLOW_LATE_MS:
        return Link("flow", False, _nothing_stored(stored_ago_ms, queue))
    if sent_ago_ms > FLOW_LATE_MS:
        told = f"The processor is {span(sent_ago_ms / 1000)} behind: what it stores now is that old."
        return Link("flow", False, f"{told}{_waiting(queue)} See its log.")
    return Link("flow", True, f"last stored {span(stored_ago_ms / 1000)} ago")


def _nothing_stored(ago_ms: int, queue: QueueLook | None) -> str:
    told = f"Nothing was stored for {span(ago_ms / 1000)}:"
    if queue is None or not queue.consumers:
        return f"{told} the processor is away.{_waiting(queue)} See its log."
    if queue.depth:
        return f"{told} the processor is there and behind.{_waiting(queue)} See its log."
    return f"{told} the processor waits, no message reaches its queue. Does RabbitMQ take any? python -m rabbitmq setup"


def _waiting(queue: QueueLook | None) -> str:
    if queue is None or not queue.depth:
        return ""
    return f" {count(queue.depth, 'message')} wait{'s' if queue.depth == 1 else ''} for it."


def flow_warning(desk: Desk, last: Flow | None) -> str | None:
    """Why no fresh records come in, None while they do: what a page says above everything."""
    found = (broker_link(desk), flow_link(last, desk.sender.queue, desk.now_ms()))
    return next((link.reason for link in found if not link.ok), None)
