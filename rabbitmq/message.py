"""The message that carries records, and its way to bytes and back.

A live message carries one record, a backlog message up to 100, deflated when that makes it smaller. What cannot be
read never raises past `decode`'s two errors: a whole message is a `BadMessage`, one record of many a `BadRecord`.
"""

import re
import time
import zlib
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from rabbitmq.records import (
    LONGEST_NAME,
    RECORD_TYPES,
    AgentId,
    AnyRecord,
    Count,
    Ordinal,
    ShortText,
    Snapshot,
    known_fields,
)

MESSAGE_TYPE = "healthmon.records.v1"
MESSAGE_VERSION = 1
MAX_RECORDS = 100
MAX_RECORD_BYTES = 256 * 1024
MAX_BODY_BYTES = 1024 * 1024  # on the wire; the broker's max_message_size says the same
MAX_INFLATED_BYTES = 1024 * 1024
MEASURED_PIECE_BYTES = 64 * 1024
DEFLATE_FROM_BYTES = 2048  # below this a deflated body saves nothing


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message as the broker sees it; field names are those of AMQP's basic properties."""

    routing_key: str
    body: bytes
    message_id: str
    timestamp: int  # Unix seconds by the agent's clock, at sending: with a record's own time, how long it waited
    type: str = MESSAGE_TYPE
    content_type: str = "application/json"
    content_encoding: str | None = None
    app_id: str = "healthmon-agent"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Numbering:
    """How far the numbering of the message's epoch has come, and which run of the agent says so.

    All records of the epoch below `oldest_unconfirmed_seq` were confirmed by the broker or named as lost; it is
    `last_assigned_seq + 1` when all were. Records below `oldest_kept_seq` cannot be sent again. 0 means not told.
    `instance` is random for each start of the agent; `instance_epoch` and `instance_seq` are the first number that
    this start gave, so that a restart (a higher one) is told from a second agent with a copied identity.
    """

    last_assigned_seq: int
    oldest_kept_seq: int
    oldest_unconfirmed_seq: int = 0
    instance: str = ""
    instance_epoch: int = 0
    instance_seq: int = 0


class BadMessage(Exception):
    """A body nobody can read: quarantine it, never retry. `reason` is a word, `detail` says where."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class BadRecord:
    """One record of a readable message that is not valid: quarantine these bytes, keep its neighbours."""

    raw: bytes
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class ReadRecord:
    """A valid record with the bytes it came in. `unknown` holds fields of newer agents, kept as they are."""

    record: AnyRecord
    raw: bytes
    unknown: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ReadMessage:
    """A readable message: who sent it, how far that agent's numbering has come, and its records."""

    agent_id: str
    epoch: int
    numbering: Numbering
    records: list[ReadRecord]
    bad_records: list[BadRecord]


class _Head(msgspec.Struct):
    version: int


class _Body(msgspec.Struct, kw_only=True):
    version: int
    agent_id: AgentId
    epoch: Ordinal
    last_assigned_seq: Ordinal
    oldest_kept_seq: Ordinal
    oldest_unconfirmed_seq: Count = 0
    instance: ShortText = ""
    instance_epoch: Count = 0
    instance_seq: Count = 0
    records: list[msgspec.Raw]


Shape = TypeVar("Shape")

# a backslash that is escaped itself escapes nothing: only behind an even number of them does the escape begin
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")

_head_decoder = msgspec.json.Decoder(_Head)
_body_decoder = msgspec.json.Decoder(_Body)
_record_decoder = msgspec.json.Decoder(AnyRecord)
_fields_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_KNOWN_FIELDS = {kind: known_fields(name) for name, kind in RECORD_TYPES.items()}


def encode(
    agent_id: str,
    epoch: int,
    numbered_records: list[tuple[int, bytes]],
    numbering: Numbering,
    now_seconds: float,
) -> Envelope:
    """Pack records of one epoch, given as `(seq, bytes)` in rising order, into one message.

    `numbering` lets the receiver see a missing tail and what can still be sent again.
    """
    # an agent's id and its instance need no escaping, and the records are JSON already
    head = (
        f'{{"version":{MESSAGE_VERSION},"agent_id":"{agent_id}","epoch":{epoch},'
        f'"last_assigned_seq":{numbering.last_assigned_seq},"oldest_kept_seq":{numbering.oldest_kept_seq},'
        f'"oldest_unconfirmed_seq":{numbering.oldest_unconfirmed_seq},"instance":"{numbering.instance}",'
        f'"instance_epoch":{numbering.instance_epoch},"instance_seq":{numbering.instance_seq},"records":['
    )
    body = b"%b%b]}" % (head.encode(), b",".join([raw for _, raw in numbered_records]))
    encoding = None
    if len(body) >= DEFLATE_FROM_BYTES and len(numbered_records) > 1:
        deflated = zlib.compress(body, 1)
        if len(deflated) < len(body):
            body, encoding = deflated, "deflate"
    message_id = f"{agent_id}/{epoch}/{numbered_records[0][0]}-{numbered_records[-1][0]}"
    return Envelope(
        routing_key=agent_id,
        body=body,
        message_id=message_id,
        timestamp=int(now_seconds),
        content_encoding=encoding,
        headers=cloud_event_headers(message_id, agent_id, now_seconds),
    )


def cloud_event_headers(message_id: str, agent_id: str, now_seconds: float) -> dict[str, str]:
    """The CloudEvents 1.0 attributes in the `ce-` form of the AMQP 0-9-1 binding."""
    return {
        "ce-specversion": "1.0",
        "ce-id": message_id,
        "ce-source": f"/healthmon/agent/{agent_id}",
        "ce-type": MESSAGE_TYPE,
        "ce-subject": agent_id,
        "ce-time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now_seconds)),
    }


def decode(body: bytes, *, routing_key: str, content_encoding: str | None) -> ReadMessage:
    """Read a delivery.

    1. Bound the body, inflate it within bounds.
    2. Read the body; an unknown version or a body that is not JSON of this shape is a `BadMessage`.
    3. The sender must be the routing key, or another agent's series could be written.
    4. Read each record by itself, so that one bad record takes no neighbour along.
    """
    message = _read_body(_inflate(body, content_encoding))
    if message.agent_id != routing_key:
        raise BadMessage("foreign-agent-id", f"agent_id {message.agent_id!r} under routing key {routing_key[:64]!r}")
    if not 1 <= len(message.records) <= MAX_RECORDS:
        raise BadMessage("record-count", f"{len(message.records)} records, allowed are 1 to {MAX_RECORDS}")
    readings = [_read_record(bytes(raw), message.agent_id) for raw in message.records]
    return ReadMessage(
        agent_id=message.agent_id,
        epoch=message.epoch,
        numbering=Numbering(
            message.last_assigned_seq,
            message.oldest_kept_seq,
            message.oldest_unconfirmed_seq,
            message.instance,
            message.instance_epoch,
            message.instance_seq,
        ),
        records=[item for item in readings if isinstance(item, ReadRecord)],
        bad_records=[item for item in readings if isinstance(item, BadRecord)],
    )


def _inflate(body: bytes, content_encoding: str | None) -> bytes:
    if len(body) > MAX_BODY_BYTES:
        raise BadMessage("too-large", f"{len(body)} bytes, allowed are {MAX_BODY_BYTES}")
    if content_encoding is None:
        return body
    if content_encoding != "deflate":
        raise BadMessage("unknown-encoding", f"content_encoding {content_encoding[:64]!r}, this program reads deflate")
    inflater = zlib.decompressobj()
    try:
        inflated = inflater.decompress(body, MAX_INFLATED_BYTES)
    except zlib.error as error:
        raise BadMessage("bad-compression", str(error)) from error
    if inflater.unconsumed_tail:
        raise BadMessage("too-large", f"inflates to more than {MAX_INFLATED_BYTES} bytes")
    if not inflater.eof:
        raise BadMessage("bad-compression", "the deflated body is cut off")
    return inflated


def inflated_bytes(body: bytes) -> int:
    """How large a deflated body is inflated, measured without keeping it; one byte more than allowed when too large."""
    inflater, size_bytes = zlib.decompressobj(), 0
    try:
        while not inflater.eof and size_bytes <= MAX_INFLATED_BYTES:
            piece = inflater.decompress(body, MEASURED_PIECE_BYTES)
            if not piece:
                break
            size_bytes, body = size_bytes + len(piece), inflater.unconsumed_tail
    except zlib.error:
        return size_bytes
    return size_bytes


def _read_body(inflated: bytes) -> _Body:
    try:
        message = _decode_as(_body_decoder, inflated)
    except BadMessage:
        _require_version(_decode_as(_head_decoder, inflated).version)  # another version may have another shape
        raise
    _require_version(message.version)
    return message


def _require_version(version: int) -> None:
    if version != MESSAGE_VERSION:
        raise BadMessage("unknown-version", f"message version {version}, this program reads {MESSAGE_VERSION}")


def _decode_as(decoder: "msgspec.json.Decoder[Shape]", body: bytes) -> Shape:
    try:
        return decoder.decode(body)
    except RecursionError as error:
        raise BadMessage("too-deep", "nested deeper than any record is") from error
    except msgspec.ValidationError as error:
        raise BadMessage("invalid-message", str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadMessage("not-json", str(error)) from error


def _read_record(raw: bytes, agent_id: str) -> ReadRecord | BadRecord:
    if len(raw) > MAX_RECORD_BYTES:
        return BadRecord(raw, "too-large", f"{len(raw)} bytes, allowed are {MAX_RECORD_BYTES}")
    if b"\\u0000" in raw and _NUL.search(raw):  # no database column for text takes it
        return BadRecord(raw, "nul-character", "a text holds the character U+0000")
    try:
        record: AnyRecord = _record_decoder.decode(raw)
        if isinstance(record, Snapshot) and max(map(len, record.readings), default=0) > LONGEST_NAME:
            return BadRecord(raw, "invalid-record", f"a reading's name is longer than {LONGEST_NAME} characters")
        fields, known = _fields_decoder.decode(raw), _KNOWN_FIELDS[type(record)]
        unknown = (
            {}
            if fields.keys() <= known
            else {name: msgspec.json.decode(fields[name]) for name in fields.keys() - known}
        )
    except RecursionError:
        return BadRecord(raw, "too-deep", "nested deeper than any record is")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return BadRecord(raw, "invalid-record", str(error))
    if record.agent_id != agent_id:
        return BadRecord(raw, "foreign-agent-id", f"agent_id {record.agent_id!r} in a message of {agent_id!r}")
    return ReadRecord(record, raw, unknown)
