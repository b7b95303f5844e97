"""What the store gives back is recognised as what was sent, and what lies in quarantine is not taken for stored."""

from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine

from faults.digest import digest_of_body
from faults.evidence import contents_of, read_accounted, read_evidence, read_stored
from faults.witness import Content, Key
from faults.witnessed_agent import contents_of as contents_sent_in
from processor.memory import FleetMemory
from rabbitmq.message import Numbering, encode
from rabbitmq.records import Record, encode_record
from store import fence, ingest
from store.engine import open_engine
from store.migrate import migrate
from tests.unit.processor.deliveries import decide, delivery, empty_memory, goodbye, hello, snapshot
from tests.unit.processor.test_check_results import seen

DISK = snapshot(2, disk=40.5)
CHECKED = msgspec.structs.replace(snapshot(3), checks=[seen("critical", 3)], errors={"disk": "no"}, trigger="check")
SENT: tuple[Record, ...] = (hello(1), DISK, CHECKED, goodbye(4))


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    opened = open_engine(f"sqlite:///{tmp_path / 'store.db'}")
    migrate(opened)
    return opened


def keep(engine: Engine, memory: FleetMemory, *records: Record) -> None:
    keeping = fence.claim(engine, "here", 1)
    ingest.keep_batch(engine, decide(memory, delivery(*records)).batch, keeping)


def content(record: Record) -> Content:
    return Content(Key(record.agent_id, record.epoch, record.seq), digest_of_body(encode_record(record)))


def test_what_is_stored_has_the_digest_of_what_was_sent(engine: Engine) -> None:
    keep(engine, empty_memory(), *SENT)
    assert set(read_evidence(engine).stored) == set(map(content, SENT))


def test_what_goes_out_has_the_digest_of_what_was_offered() -> None:
    many = [snapshot(seq, disk=seq / 3) for seq in range(1, 60)]
    for records in (SENT, many):  # of many the message is deflated
        numbered = [(record.seq, encode_record(record)) for record in records]
        envelope = encode("web-3", 1, numbered, Numbering(records[-1].seq, 1), 1.0)
        assert contents_sent_in(envelope) == list(map(content, records))


def test_the_second_record_of_a_number_is_in_quarantine_with_its_own_digest(engine: Engine) -> None:
    memory, other = empty_memory(), snapshot(2, disk=99.0)
    keep(engine, memory, *SENT)
    keep(engine, memory, other)
    kept = read_evidence(engine)
    assert [contents_of(row) for row in kept.quarantined] == [[content(other)]]
    assert kept.contents == {*map(content, SENT), content(other)}


def test_quarantined_is_not_stored(engine: Engine) -> None:
    bad = msgspec.structs.replace(DISK, interval_seconds=10.0**9)
    keep(engine, empty_memory(), hello(1), bad)
    assert [row.reason for row in read_evidence(engine).quarantined] == ["implausible-interval"]
    assert read_stored(engine) == {content(hello(1)).key}
    assert read_accounted(engine) == {content(hello(1)).key, content(DISK).key}
