"""Whether the queue in the broker is the one this program was written for."""

from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker

from rabbitmq.topology import QUEUE, QUEUE_ARGUMENTS

PRECONDITION_FAILED = 406
NOT_FOUND = 404


class WrongQueue(Exception):
    """A queue of this name exists and is another thing; the message names the difference and what mends it."""


class NoQueue(Exception):
    """There is no such queue; the message says what makes it."""


def require_queue(channel: BlockingChannel) -> None:
    """Raises NoQueue or WrongQueue; the channel has gone then.

    A passive declare accepts any arguments, so the second one is active; it makes nothing, because the first one failed
    if there was nothing.
    """
    try:
        channel.queue_declare(QUEUE, passive=True)
        channel.queue_declare(QUEUE, durable=True, arguments=QUEUE_ARGUMENTS)
    except ChannelClosedByBroker as closed:
        if closed.reply_code == NOT_FOUND:
            raise NoQueue(f"there is no queue {QUEUE}: `python -m rabbitmq setup` makes it") from None
        if closed.reply_code == PRECONDITION_FAILED:
            raise WrongQueue(
                f"queue {QUEUE} exists and differs: {closed.reply_text}. It is kept as it is. To replace it once it is "
                f"empty, run `rabbitmqctl delete_queue {QUEUE} --if-empty` on the broker's host, then "
                "`python -m rabbitmq setup`, which names every other difference, too"
            ) from None
        raise
