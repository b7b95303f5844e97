"""Quarantined bytes for people: nobody could read them, anything may be in them."""

import base64
import codecs
from dataclasses import dataclass
from typing import Literal

from console.text import escape

SHOWN_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class ShownBody:
    """`content` is text with every character escaped that could hide or move something, or base64 of what is no text.

    `shown_bytes` of `size_bytes` are in it, the first ones.
    """

    encoding: Literal["text", "base64"]
    content: str
    size_bytes: int
    shown_bytes: int


def shown_body(body: bytes, size_bytes: int) -> ShownBody:
    """`size_bytes` is how large the message was, of which `body` may be the beginning only."""
    part = body[:SHOWN_BYTES]
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(part, final=len(part) == size_bytes)
    except UnicodeDecodeError:
        return ShownBody("base64", base64.b64encode(part).decode("ascii"), size_bytes, len(part))
    return ShownBody("text", escape(text, keep_lines=True), size_bytes, len(part))
