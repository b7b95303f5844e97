"""What the broker's library hands over, as a delivery: whatever senders put into a message's properties.

AMQP's strings are bytes: pika gives them as such where they are not UTF-8, and gives up the connection over headers
that it cannot read. The broker hands such a message out again and again, so no property may end this program.
"""

import logging
from typing import Any

from pika import spec

from processor.delivery import Delivery
from processor.redrive import CONTENT_ENCODING

LONGEST_HEADER = 256
log = logging.getLogger(__name__)


class ReadableProperties(spec.BasicProperties):  # type: ignore[misc]  # pika has no types
    """Where the headers cannot be read (a date beyond the year 9999, arrays without end) they and all behind them are
    taken as not given: nobody knows then when the message was sent, and its records are history."""

    def decode(self, encoded: bytes, offset: int = 0) -> Any:
        try:
            return super().decode(encoded, offset)
        except Exception as error:  # noqa: BLE001 whatever it is, the body can still be read
            log.warning("a message's properties cannot be read: %s", type(error).__name__)
            return self


def read_properties_of_any_message() -> None:
    """From now on, in this process."""
    spec.props[spec.BasicProperties.INDEX] = ReadableProperties


def received(method: Any, properties: Any, body: bytes) -> Delivery:
    """The delivery; bytes that are no UTF-8 are written as their escapes, `\\xff`."""
    headers = {_text(name): _text(value)[:LONGEST_HEADER] for name, value in (properties.headers or {}).items()}
    if properties.content_encoding is not None:
        headers[CONTENT_ENCODING] = _text(properties.content_encoding)
    count = (properties.headers or {}).get("x-delivery-count") if method.redelivered else None
    return Delivery(
        tag=method.delivery_tag,
        routing_key=_text(method.routing_key),
        body=body,
        message_id=_text_or_none(properties.message_id),
        content_encoding=_text_or_none(properties.content_encoding),
        reply_to=_text_or_none(properties.reply_to),
        headers=headers,
        timestamp_seconds=properties.timestamp,
        came_back=count if isinstance(count, int) else 0,
    )


def _text_or_none(value: object) -> str | None:
    return None if value is None else _text(value)


def _text(value: object) -> str:
    if isinstance(value, bytes | bytearray):
        return value.decode("utf-8", "backslashreplace")
    try:
        return str(value)
    except (RecursionError, ValueError) as error:  # nested without end, or a number that has no end
        return f"not readable: {type(error).__name__}"
