"""Whatever senders put into a message's properties becomes a delivery, and no property ends the processor."""

import struct
from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pika import frame, spec

from processor.delivery import Delivery
from processor.keeper import Bearings, Keeper
from processor.received import read_properties_of_any_message, received
from rabbitmq.message import Numbering, encode
from rabbitmq.records import encode_record
from store import quarantine
from store.engine import open_engine, reading
from store.migrate import migrate
from store.quarantine import QuarantineEntry
from tests.unit.processor.deliveries import RULES, TOKEN, snapshot, wall_ms

AGENT = "web-3"
STRINGS = st.none() | st.binary(max_size=20) | st.text(max_size=20) | st.just(b"\xff\xfe") | st.just("web-3/1/1-1")
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.binary(max_size=9) | st.text(max_size=9)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)
HEADERS = st.none() | st.dictionaries(st.binary(max_size=9) | st.text(max_size=9) | st.just("x-delivery-count"), VALUES)
TAGS = count(1)
TICKS = count(1)
BODY = encode(AGENT, 1, [(1, encode_record(snapshot(1, disk=1.0)))], Numbering(1, 1), wall_ms(1) / 1000).body


def deep() -> Any:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    return nested


def taken(body: bytes = BODY, redelivered: bool = False, routing_key: str | bytes = AGENT, **told: Any) -> Delivery:
    method = SimpleNamespace(delivery_tag=1, routing_key=routing_key, redelivered=redelivered)
    return received(method, spec.BasicProperties(**told), body)


@pytest.fixture(scope="module")
def keeper(tmp_path_factory: pytest.TempPathFactory) -> Keeper:
    engine = open_engine(f"sqlite:///{tmp_path_factory.mktemp('store') / 'store.db'}")
    migrate(engine)
    bearings = Bearings("here", TOKEN, lambda: wall_ms(1) + next(TICKS), lambda: 0)
    return Keeper(engine, RULES, lambda *_: [], bearings=bearings, public_url="", send=lambda _: None)


def test_bytes_that_are_no_text_are_written_as_their_escapes() -> None:
    odd = taken(
        routing_key=b"\xff",
        message_id=b"\xff\xfe",
        reply_to=b"amq.\x80",
        content_encoding=b"defl\xe4te",
        headers={b"\xfc": b"\xfd", "deep": deep()},
    )
    assert (odd.routing_key, odd.message_id, odd.reply_to) == ("\\xff", "\\xff\\xfe", "amq.\\x80")
    assert odd.content_encoding == "defl\\xe4te"
    assert odd.headers == {"\\xfc": "\\xfd", "deep": "not readable: RecursionError", "content-encoding": "defl\\xe4te"}


def test_how_often_it_came_back_is_the_brokers_word() -> None:
    told = {"x-delivery-count": 3}
    assert taken(redelivered=True, headers=told).came_back == 3
    assert taken(redelivered=False, headers=told).came_back == 0
    assert taken(redelivered=True, headers={"x-delivery-count": b"\xff"}).came_back == 0


@settings(deadline=None, max_examples=150)
@given(
    strings=st.fixed_dictionaries(dict.fromkeys(("message_id", "reply_to", "content_encoding"), STRINGS)),
    headers=HEADERS,
    timestamp=st.none() | st.integers(0, 2**64 - 1),
    routing_key=st.sampled_from([AGENT, b"\xff", "canary.flow", ""]),
    body=st.sampled_from([BODY, b"rubbish", b""]),
)
def test_no_property_of_a_message_ends_the_processor(
    keeper: Keeper,
    strings: Mapping[str, Any],
    headers: Mapping[Any, Any] | None,
    timestamp: int | None,
    routing_key: str | bytes,
    body: bytes,
) -> None:
    odd = replace(taken(body, True, routing_key, headers=headers, timestamp=timestamp, **strings), tag=next(TAGS))
    before = quarantined(keeper)
    keeper.keep([odd])
    keeper.pass_time()
    is_readable = (body, routing_key) == (BODY, AGENT) and strings["content_encoding"] is None
    assert len(quarantined(keeper)) == len(before) + (0 if is_readable else 1)


def quarantined(keeper: Keeper) -> list[QuarantineEntry]:
    with reading(keeper._engine) as connection:
        return quarantine.list_entries(connection, None, 1_000)


def test_what_cannot_be_accounted_for_goes_to_quarantine_all_the_same(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Delivery) -> None:
        raise TypeError("cannot use a string pattern on a bytes-like object")

    keeper.keep([replace(taken(), tag=next(TAGS))])
    monkeypatch.setattr("processor.pipeline.numbers_of_message", broken)
    keeper.keep([replace(taken(b"rubbish"), tag=next(TAGS), message_id=f"{AGENT}/1/2-2")])
    newest = max(quarantined(keeper), key=lambda entry: entry.no)
    assert (newest.reason, newest.routing_key) == ("processor-error", AGENT)


def header_frame(kind: bytes, value: bytes) -> bytes:
    """A content header with a message id behind one header of that kind, as the broker passes it on."""
    table = b"\x01x" + kind + value
    flags = spec.BasicProperties.FLAG_HEADERS | spec.BasicProperties.FLAG_MESSAGE_ID
    told = struct.pack(">H", flags) + struct.pack(">I", len(table)) + table + b"\x02\xff\xfe"
    payload = struct.pack(">HHQ", spec.BasicProperties.INDEX, 0, len(BODY)) + told
    return struct.pack(">BHI", spec.FRAME_HEADER, 1, len(payload)) + payload + bytes([spec.FRAME_END])


def arrays(depth: int) -> bytes:
    nested = b""
    for _ in range(depth):
        nested = b"A" + struct.pack(">I", len(nested)) + nested
    return nested[1:]


@pytest.mark.parametrize(
    ("kind", "value"),
    [(b"T", b"\xff" * 8), (b"A", arrays(20_000)), (b"?", b""), (b"d", struct.pack(">d", float("nan")))],
    ids=["a date beyond all years", "arrays in arrays", "a kind nobody knows", "no number"],
)
def test_headers_that_cannot_be_read_end_no_connection(kind: bytes, value: bytes) -> None:
    read_properties_of_any_message()
    wire = header_frame(kind, value)
    consumed, decoded = frame.decode_frame(wire)
    assert consumed == len(wire)
    assert taken(**vars(decoded.properties)).message_id is None


def test_headers_that_can_be_read_are_read() -> None:
    read_properties_of_any_message()
    _, decoded = frame.decode_frame(header_frame(b"T", struct.pack(">Q", 0)))
    told = taken(**vars(decoded.properties))
    assert told.message_id == "\\xff\\xfe"
    assert told.headers == {"x": "1970-01-01 00:00:00+00:00"}
