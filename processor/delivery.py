"""One message as the broker handed it over, without the broker's library."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """`tag` is what is acknowledged; everything else is as the sender set it and must not be trusted.

    `timestamp_seconds` is when it was sent, in Unix seconds by the sender's clock. `came_back` is how often the broker
    had handed it out before and got it back without an acknowledgement.
    """

    tag: int
    routing_key: str
    body: bytes
    message_id: str | None = None
    content_encoding: str | None = None
    reply_to: str | None = None
    timestamp_seconds: int | None = None
    came_back: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
