"""A quarantined message as the API shows it. Its bytes are anybody's: they are shown, never obeyed."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from console.text import escape
from helpdesk_api.quarantine_reasons import explanation_of
from helpdesk_api.quarantined_body import shown_body
from helpdesk_api.times import Moment, moment
from store.model import Quarantined
from store.quarantine import QuarantineEntry


class QuarantinedAnswer(BaseModel):
    """One message, or one record of a message, that could not be taken in: what happened, why, and what now."""

    number: int
    received: Moment
    sender: str = Field(description="Its routing key: the id of the agent whose account sent it.")
    message_id: str | None
    reason: str
    detail: str
    what: str
    why: str
    now: str
    sha256: str
    size_bytes: int
    body_kept: bool = Field(description="Whether all of its bytes are kept; without them it cannot be read again.")
    redrivable: bool = Field(
        description="Whether reading it again can help once the cause is mended: not for a second agent's records, nor "
        "without all of its bytes."
    )
    redrive_requested: Moment | None = Field(description="When somebody asked that it is read again.")
    redriven: Moment | None = Field(description="When it was read again last, and came back.")
    url: str = Field(description="Its page.")


class BodyAnswer(BaseModel):
    """The first bytes: as text with control characters escaped, or base64 where they are no text."""

    encoding: Literal["text", "base64"]
    content: str
    size_bytes: int = Field(description="How large the message was.")
    shown_bytes: int = Field(description="How much of it is here, at most 64 KiB.")


class QuarantinedMessageAnswer(QuarantinedAnswer):
    headers: dict[str, str]
    body: BodyAnswer


class RedriveAnswer(BaseModel):
    requested: int = Field(description="How many messages will be read again; the processor does it within seconds.")


def quarantined_answer(entry: QuarantineEntry, base_url: str) -> QuarantinedAnswer:
    return QuarantinedAnswer(**_fields(entry, base_url))


def quarantined_message_answer(entry: QuarantineEntry, message: Quarantined, base_url: str) -> QuarantinedMessageAnswer:
    body = shown_body(message.body, entry.size_bytes)
    return QuarantinedMessageAnswer(
        **_fields(entry, base_url),
        headers={escape(name): escape(value) for name, value in message.headers.items()},
        body=BodyAnswer(
            encoding=body.encoding, content=body.content, size_bytes=body.size_bytes, shown_bytes=body.shown_bytes
        ),
    )


def _fields(entry: QuarantineEntry, base_url: str) -> dict[str, Any]:
    explanation = explanation_of(entry.reason)
    asked_ms, tried_ms = entry.redrive_requested_ms, entry.redriven_ms
    return {
        "number": entry.no,
        "received": moment(entry.received_ms),
        "sender": escape(entry.routing_key),
        "message_id": None if entry.message_id is None else escape(entry.message_id),
        "reason": entry.reason,
        "detail": escape(entry.detail),
        "what": explanation.what,
        "why": explanation.why,
        "now": explanation.now,
        "sha256": entry.sha256,
        "size_bytes": entry.size_bytes,
        "body_kept": entry.body_kept,
        "redrivable": entry.body_kept and explanation.redrivable,
        "redrive_requested": None if asked_ms is None else moment(asked_ms),
        "redriven": None if tried_ms is None else moment(tried_ms),
        "url": f"{base_url}/quarantine/{entry.no}",
    }
