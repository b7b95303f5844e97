"""Reading what comes over the wire: good or bad, it never raises anything but BadMessage."""

import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rabbitmq import message
from rabbitmq.message import BadMessage, BadRecord, Numbering, decode, encode
from rabbitmq.records import Goodbye, encode_record


def goodbye(seq: int, agent_id: str = "web-3") -> bytes:
    return encode_record(
        Goodbye(agent_id=agent_id, epoch=1, seq=seq, boot_id="b", wall_seconds=1.0, boot_seconds=1.0, reason="stopped")
    )


def snapshot(seq: int, name: str) -> bytes:
    stamp = {"agent_id": "web-3", "epoch": 1, "seq": seq, "boot_id": "b", "wall_seconds": 1.0, "boot_seconds": 1.0}
    told = {"type": "snapshot", "readings": {name: 1.0}, "interval_seconds": 5.0, "scope": "host"}
    return json.dumps(stamp | told).encode()


def envelope_of(*raws: bytes) -> message.Envelope:
    numbered = list(enumerate(raws, start=1))
    return encode("web-3", 1, numbered, numbering=Numbering(9, 1), now_seconds=1.0)


def body_of(*raws: bytes) -> bytes:
    return envelope_of(*raws).body


def read(body: bytes, routing_key: str = "web-3", content_encoding: str | None = None) -> message.ReadMessage:
    return decode(body, routing_key=routing_key, content_encoding=content_encoding)


def test_records_come_back_in_order_with_their_bytes() -> None:
    raws = [goodbye(1), goodbye(2)]
    result = read(body_of(*raws))
    assert [item.raw for item in result.records] == raws
    assert [item.record.seq for item in result.records] == [1, 2]
    assert (result.agent_id, result.numbering) == ("web-3", Numbering(9, 1))


@pytest.mark.parametrize(
    ("written", "is_kept"),
    [
        (rb"a\\u0000b", True),  # a backslash and five characters, as a page of JSON has them
        (rb"a\\\\u0000b", True),
        (rb"a\u0000b", False),
        (rb"\u0000", False),
        (rb"a\\\u0000b", False),
        (rb"a\\u0000b\u0000", False),
    ],
)
def test_only_the_character_itself_is_refused_and_not_how_people_write_it(written: bytes, is_kept: bool) -> None:
    read_message = read(body_of(goodbye(1).replace(b"stopped", written)))
    assert [bad.reason for bad in read_message.bad_records] == ([] if is_kept else ["nul-character"])
    assert len(read_message.records) == is_kept


def test_the_longest_name_of_a_reading_is_read() -> None:
    assert len(read(body_of(snapshot(1, "x" * 256))).records) == 1


def test_a_backlog_is_deflated_when_that_is_smaller() -> None:
    numbered = [(seq, goodbye(seq)) for seq in range(1, 101)]
    envelope = encode("web-3", 1, numbered, numbering=Numbering(100, 1), now_seconds=1.0)
    assert envelope.content_encoding == "deflate"
    assert len(envelope.body) < sum(len(raw) for _, raw in numbered) / 4
    assert envelope.message_id == "web-3/1/1-100"
    assert len(read(envelope.body, content_encoding="deflate").records) == 100


@pytest.mark.parametrize(
    ("body", "routing_key", "content_encoding", "reason"),
    [
        (b"", "web-3", None, "not-json"),
        (b'{"version":1,', "web-3", None, "not-json"),
        (b"\xff\xfe", "web-3", None, "not-json"),
        (b'{"version":NaN}', "web-3", None, "not-json"),
        (b"[" * 100_000, "web-3", None, "invalid-message"),
        (b'{"version":1,"x":' + b"[" * 100_000, "web-3", None, "too-deep"),
        (b'{"version":2,"shape":"unheard of"}', "web-3", None, "unknown-version"),
        (body_of(goodbye(1)).replace(b'"version":1', b'"version":2'), "web-3", None, "unknown-version"),
        (b'{"version":1}', "web-3", None, "invalid-message"),
        (b" " * (message.MAX_BODY_BYTES + 1), "web-3", None, "too-large"),
        (body_of(goodbye(1)), "db-1", None, "foreign-agent-id"),
        (body_of(*[goodbye(1)] * 101), "web-3", "deflate", "record-count"),
        (body_of(goodbye(1)), "web-3", "br", "unknown-encoding"),
        (b"not deflated", "web-3", "deflate", "bad-compression"),
        (zlib.compress(body_of(goodbye(1)))[:-6], "web-3", "deflate", "bad-compression"),
        (zlib.compress(b" " * (message.MAX_INFLATED_BYTES + 1)), "web-3", "deflate", "too-large"),
    ],
)
def test_a_bad_message_is_named(body: bytes, routing_key: str, content_encoding: str | None, reason: str) -> None:
    with pytest.raises(BadMessage) as caught:
        read(body, routing_key, content_encoding)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (goodbye(2, agent_id="db-1"), "foreign-agent-id"),
        (goodbye(2).replace(b'"seq":2', b'"seq":0'), "invalid-record"),
        (goodbye(2).replace(b'"seq":2', b'"seq":9007199254740993'), "invalid-record"),
        (goodbye(2).replace(b"stopped", b"\\u0000"), "nul-character"),
        (goodbye(2).replace(b"stopped", b"s" * message.MAX_RECORD_BYTES), "too-large"),
        (goodbye(2).replace(b"goodbye", b"unheard-of"), "invalid-record"),
        (goodbye(2).replace(b'"wall_seconds":1.0', b'"wall_seconds":1e999'), "invalid-record"),
        (b"[]", "invalid-record"),
        (snapshot(2, "x" * 257), "invalid-record"),
    ],
)
def test_a_bad_record_takes_no_neighbour_along(raw: bytes, reason: str) -> None:
    envelope = envelope_of(goodbye(1), raw, goodbye(3))
    result = read(envelope.body, content_encoding=envelope.content_encoding)
    assert [item.record.seq for item in result.records] == [1, 3]
    assert result.bad_records == [BadRecord(raw, reason, result.bad_records[0].detail)]


def system(**told: int) -> dict[str, object]:
    texts = dict.fromkeys(("host_name", "operating_system", "kernel", "architecture"), "x")
    return texts | {"boot_time_seconds": 1.0, "processor": {}} | told


def hello(facts: dict[str, object]) -> bytes:
    told = {"type": "hello", "agent_version": "1", "host_name": "h", "scope": "host", "interval_seconds": 5.0}
    return json.dumps(json.loads(snapshot(2, "x")) | told | {"system": facts}).encode()


def evidence(**process: int) -> bytes:
    box = {"type": "evidence", "rule": "cpu", "subject": "", "state": "critical"}
    share = {"process_id": 1, "name": "du", "cpu_percent": 1.0, "memory_bytes": 1} | process
    return json.dumps(json.loads(snapshot(2, "x")) | box | {"processes": [share]}).encode()


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (hello(system(memory_total_bytes=2**53)), "$.system.memory_total_bytes"),
        (hello(system(memory_total_bytes=10**400)), "$.system.memory_total_bytes"),
        (hello(system(swap_total_bytes=-1)), "$.system.swap_total_bytes"),
        (hello(system() | {"processor": {"logical_cores": 2**53}}), "$.system.processor.logical_cores"),
        (hello(system() | {"disks": [{"name": "sda", "size_bytes": 2**63}]}), "$.system.disks[0].size_bytes"),
        (evidence(memory_bytes=10**400), "$.processes[0].memory_bytes"),
        (evidence(process_id=-1), "$.processes[0].process_id"),
    ],
)
def test_a_number_that_nobody_can_keep_is_refused_by_its_place(raw: bytes, place: str) -> None:
    [bad] = read(body_of(raw)).bad_records
    assert bad.reason == "invalid-record"
    assert place in bad.detail
    assert bad.detail.startswith("Expected `int` ")


def test_a_network_file_system_of_eight_exbibytes_is_none_of_those() -> None:
    mount = {"mount": "/efs", "device": "fs-1:/", "kind": "nfs4", "size_bytes": 2**63 - 2**20}
    assert len(read(body_of(hello(system() | {"filesystems": [mount]}))).records) == 1


@given(st.binary(max_size=300), st.sampled_from([None, "deflate", "gzip"]))
def test_arbitrary_bytes_never_raise_anything_else(body: bytes, content_encoding: str | None) -> None:
    with pytest.raises(BadMessage):
        read(body, content_encoding=content_encoding)


@given(st.integers(min_value=0, max_value=200), st.binary(min_size=1, max_size=3))
def test_a_damaged_message_is_read_or_named(position: int, damage: bytes) -> None:
    body = bytearray(body_of(goodbye(1), goodbye(2)))
    body[position : position + len(damage)] = damage
    try:
        result = read(bytes(body))
    except BadMessage:
        return
    assert len(result.records) + len(result.bad_records) in (1, 2)
