"""Which numbers stand behind bytes that could not be read, as far as that can be believed."""

import re

import msgspec

from processor.delivery import Delivery
from rabbitmq.message import MAX_RECORDS
from rabbitmq.records import Ordinal

_MESSAGE_ID = re.compile(r"(?P<agent_id>[a-z0-9-]{1,64})/(?P<epoch>\d{1,16})/(?P<first>\d{1,16})-(?P<last>\d{1,16})")


class _Numbered(msgspec.Struct):
    agent_id: str
    epoch: Ordinal
    seq: Ordinal


_decoder = msgspec.json.Decoder(_Numbered)


def numbers_of_message(delivery: Delivery) -> tuple[int, range] | None:
    """Epoch and numbers that the message's id tells: its own agent's, and no more than a message carries."""
    told = _MESSAGE_ID.fullmatch(delivery.message_id or "")
    if told is None or told["agent_id"] != delivery.routing_key:
        return None
    numbers = range(int(told["first"]), int(told["last"]) + 1)
    return (int(told["epoch"]), numbers) if numbers.start >= 1 and 1 <= len(numbers) <= MAX_RECORDS else None


def number_of_record(raw: bytes, agent_id: str, epoch: int) -> int | None:
    """The number in a record of this agent and epoch that is invalid otherwise."""
    try:
        told = _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return told.seq if (told.agent_id, told.epoch) == (agent_id, epoch) else None
