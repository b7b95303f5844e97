"""A quarantined message as a delivery again, for a person who asked for it to be read once more."""

import msgspec

from processor.delivery import Delivery
from rabbitmq.message import Numbering, encode
from rabbitmq.records import Ordinal
from store.model import Quarantined

CONTENT_ENCODING = "content-encoding"  # kept among the headers, because the bytes mean nothing without it


class _LoneRecord(msgspec.Struct):
    """What the quarantine holds when one record of a message was not valid."""

    agent_id: str
    epoch: Ordinal
    seq: Ordinal


_decoder = msgspec.json.Decoder(_LoneRecord)


def delivery_of(quarantined: Quarantined) -> Delivery:
    """Neither its age nor an address to answer to is known: its records are history."""
    message = Delivery(
        tag=0,
        routing_key=quarantined.routing_key,
        body=quarantined.body,
        message_id=quarantined.message_id,
        content_encoding=quarantined.headers.get(CONTENT_ENCODING),
        headers=quarantined.headers,
    )
    try:
        lone = _decoder.decode(quarantined.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return message
    if lone.agent_id != quarantined.routing_key:
        return message
    numbering = Numbering(
        last_assigned_seq=lone.seq, oldest_kept_seq=1
    )  # the least there is: what it told before stands
    envelope = encode(lone.agent_id, lone.epoch, [(lone.seq, quarantined.body)], numbering, 0.0)
    return Delivery(tag=0, routing_key=lone.agent_id, body=envelope.body, message_id=envelope.message_id)
