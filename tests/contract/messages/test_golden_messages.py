"""The messages as they travel: golden bytes that every later version must go on reading."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from cloudevents.core.bindings.rabbitmq import RabbitMQMessage, from_rabbitmq_event
from msgspec import structs

from rabbitmq.message import Numbering, decode, encode
from rabbitmq.records import RECORD_TYPES, AnyRecord, Hello, Snapshot, convert_record, encode_record
from rabbitmq.schema import message_schema, published_text
from rabbitmq.statement import decode_statement, encode_statement

GOLDEN = Path(__file__).parent / "golden"
SCHEMA_FILE = Path(__file__).parents[3] / "docs" / "schemas" / "records.v1.json"
NOW_SECONDS = 1_790_000_000.25
NUMBERING = Numbering(12, 12, 12, instance="9f3c0a517b2e64d8", instance_epoch=7, instance_seq=3)


def golden_record(kind: str) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads((GOLDEN / f"{kind}.json").read_text("utf-8"))
    return fields


@pytest.mark.parametrize("kind", sorted(RECORD_TYPES))
def test_a_golden_record_reads_and_writes_back_the_same(kind: str) -> None:
    fields = golden_record(kind)
    record = convert_record(fields)
    assert type(record) is RECORD_TYPES[kind]
    assert json.loads(encode_record(record)) == fields


@pytest.mark.parametrize("kind", sorted(RECORD_TYPES))
def test_a_golden_record_in_a_message_satisfies_the_published_schema(kind: str) -> None:
    jsonschema.validate(json.loads(_message_body(convert_record(golden_record(kind)))), message_schema())


def test_the_published_schema_is_the_one_the_code_has() -> None:
    assert SCHEMA_FILE.read_text("utf-8") == published_text(), (
        "run: python -m rabbitmq.schema > docs/schemas/records.v1.json"
    )


def test_the_golden_message_is_what_an_agent_sends() -> None:
    body = _message_body(convert_record(golden_record("snapshot")))
    assert body == (GOLDEN / "message.json").read_bytes().strip()


def test_a_message_without_what_was_added_later_still_reads() -> None:
    body = (GOLDEN / "message-without-instance.json").read_bytes()
    message = decode(body, routing_key="web-3", content_encoding=None)
    assert (message.numbering, len(message.records)) == (Numbering(12, 12), 1)


@pytest.mark.parametrize("earlier", ["hello-before-groups", "snapshot-before-checks"])
def test_a_record_of_an_earlier_agent_still_reads(earlier: str) -> None:
    record = convert_record(golden_record(earlier))
    assert isinstance(record, Hello | Snapshot)
    assert record.checks == []


def test_an_agent_from_before_metric_groups_has_switched_nothing_off() -> None:
    hello, snapshot = (convert_record(golden_record(f"{kind}-before-metric-groups")) for kind in ("hello", "snapshot"))
    assert isinstance(hello, Hello)
    assert isinstance(snapshot, Snapshot)
    assert (hello.collectors, hello.collectors_told, snapshot.switched_off) == ([], False, [])


def test_the_golden_statement_reads_and_writes_back_the_same() -> None:
    body = (GOLDEN / "statement.json").read_bytes().strip()
    statement = decode_statement(body)
    assert statement.missing == [(3, 5), (9, 9)]
    assert encode_statement(statement) == body


def test_a_statement_that_settles_more_than_it_knows_is_refused() -> None:
    statement = decode_statement((GOLDEN / "statement.json").read_bytes())
    with pytest.raises(ValueError, match="assigned up to"):
        decode_statement(encode_statement(structs.replace(statement, settled_seq=statement.assigned_seq + 1)))


def test_fields_of_a_newer_agent_pass_through_and_are_kept() -> None:
    fields = golden_record("snapshot") | {"mood": "sunny"}
    raw = json.dumps(fields).encode()
    envelope = encode("web-3", 7, [(12, raw)], numbering=NUMBERING, now_seconds=NOW_SECONDS)
    message = decode(envelope.body, routing_key="web-3", content_encoding=envelope.content_encoding)
    assert message.records[0].unknown == {"mood": "sunny"}
    assert message.records[0].raw == raw


def test_the_cloud_events_sdk_reads_the_headers() -> None:
    raw = encode_record(convert_record(golden_record("snapshot")))
    envelope = encode("web-3", 7, [(12, raw)], numbering=NUMBERING, now_seconds=NOW_SECONDS)
    headers: Mapping[str, Any] = envelope.headers
    event = from_rabbitmq_event(
        RabbitMQMessage(headers=dict(headers), body=envelope.body, content_type=envelope.content_type)
    )
    assert event.get_id() == envelope.message_id == "web-3/7/12-12"
    assert event.get_type() == envelope.type
    assert event.get_source() == "/healthmon/agent/web-3"
    assert event.get_subject() == envelope.routing_key


def _message_body(record: AnyRecord) -> bytes:
    raw = encode_record(record)
    return encode(
        "web-3",
        7,
        [(record.seq, raw)],
        numbering=replace(NUMBERING, oldest_kept_seq=record.seq),
        now_seconds=NOW_SECONDS,
    ).body
