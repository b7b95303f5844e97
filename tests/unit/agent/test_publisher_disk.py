"""A disk that refuses in the middle of sending costs no record: what was taken waits again."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from agent.batch import Batch
from agent.io_loop import LocalLoop
from agent.link import Link
from agent.pace import AT_ONCE, MESSAGES_A_SECOND
from agent.publisher import Publisher
from agent.spool import Spool, SpoolUnavailable
from rabbitmq.connection import BrokerAddress
from rabbitmq.message import Envelope
from rabbitmq.statement import STATEMENT_TYPE, encode_statement
from tests.unit.agent.spools import SMALLEST_BOUND_BYTES, statement
from tests.unit.agent.stamping import AGENT_ID, goodbye, stamper


class MoodySpool(Spool):
    """Cannot be read while `refuses`."""

    refuses = False

    def take_oldest(self, limit: int, max_bytes: int) -> Batch | None:
        if self.refuses:
            raise SpoolUnavailable("disk I/O error")
        return super().take_oldest(limit, max_bytes)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[MoodySpool]:
    one = MoodySpool(tmp_path / "spool.sqlite3", stamper(), bound_bytes=SMALLEST_BOUND_BYTES)
    yield one
    one.close()


@pytest.fixture
def publisher(spool: MoodySpool, monkeypatch: pytest.MonkeyPatch) -> Iterator[Publisher]:
    address = BrokerAddress("127.0.0.1", 1, "guest", "guest")
    one = Publisher(spool, address, LocalLoop(), agent_id=AGENT_ID, name="a", on_command=_no)
    monkeypatch.setattr(one._link, "publish", lambda _envelope: 1)
    monkeypatch.setattr(Link, "can_publish", True)
    yield one
    one.loop.close()


def _no(_body: bytes) -> None:
    raise AssertionError("no command was sent")


def test_a_batch_that_could_not_be_sent_waits_and_is_sent_when_the_disk_answers(
    spool: MoodySpool, publisher: Publisher
) -> None:
    publisher.link_up()
    publisher.acked(0, multiple=True)
    spool.append(goodbye)
    spool.append(goodbye)
    spool.refuses = True
    publisher._fill()
    assert (spool.waiting_count, publisher._window.in_flight_positions) == (2, frozenset())
    spool.refuses = False
    publisher._fill()
    assert (spool.waiting_count, publisher._window.in_flight_positions) == (0, frozenset({1, 2}))


def test_a_link_that_breaks_while_publishing_leaves_the_batch_waiting(
    spool: MoodySpool, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_envelope: Any) -> int:
        raise ConnectionError("gone")

    monkeypatch.setattr(publisher._link, "publish", broken)
    spool.append(goodbye)
    with pytest.raises(ConnectionError):
        publisher.link_up()
    assert spool.waiting_count == 1


def test_nothing_is_sent_on_a_channel_that_has_gone(
    spool: MoodySpool, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.link_up()
    monkeypatch.setattr(Link, "can_publish", False)
    spool.append(goodbye)
    publisher._fill()
    assert (spool.waiting_count, publisher._window.in_flight_positions) == (1, frozenset())


def test_a_statement_is_settled_and_what_it_misses_is_sent_again(spool: MoodySpool, publisher: Publisher) -> None:
    for _ in range(3):
        spool.append(goodbye)
    publisher.link_up()
    for _ in range(2):
        publisher.acked(1, multiple=True)
    assert (spool.count, spool.kept_count) == (0, 3)
    publisher.received(encode_statement(statement(spool.epoch, 3, 1, [(2, 2)])), STATEMENT_TYPE)
    assert publisher._window.in_flight_positions == {2}
    spool.append(goodbye)
    assert spool.kept_count == 3


def test_statements_for_others_and_noise_are_dropped_and_told_once_a_minute(
    spool: MoodySpool, publisher: Publisher, caplog: pytest.LogCaptureFixture
) -> None:
    spool.append(goodbye)
    foreign = msgspec.structs.replace(statement(spool.epoch, 9, 1), agent_id="somebody-else")
    for body in (encode_statement(foreign), b"{", b"[" * 100_000, b" " * 100_000):
        publisher.received(body, STATEMENT_TYPE)
    assert (spool.count, spool.last_seq) == (1, 1)
    (told,) = [record.getMessage() for record in caplog.records]
    assert "it is for another agent" in told


def test_a_backlog_goes_out_at_its_pace_behind_the_newest(
    spool: MoodySpool, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    envelopes: list[Envelope] = []

    def publish(envelope: Envelope) -> int:
        envelopes.append(envelope)
        return len(envelopes)

    timers: list[float] = []

    def call_later(seconds: float, _callback: object) -> object:
        timers.append(seconds)
        return "timer"

    monkeypatch.setattr(publisher._link, "publish", publish)
    monkeypatch.setattr(publisher.loop, "call_later", call_later)
    monkeypatch.setattr("agent.publisher.MAX_RAW_BYTES", 1)
    for _ in range(150):
        spool.append(goodbye)
    monkeypatch.setattr("agent.publisher.time", SimpleNamespace(monotonic=lambda: 1000.0, time=lambda: 1.0))
    publisher.link_up()
    assert [envelope.message_id.rpartition("/")[2] for envelope in envelopes] == ["1-1"]
    publisher.acked(1, multiple=False)
    assert len(envelopes) == 2 + AT_ONCE
    assert envelopes[1].message_id.endswith("/150-150")
    assert envelopes[2].message_id.endswith("/2-2")
    publisher.nudge()
    publisher._fill()
    assert timers == [1 / MESSAGES_A_SECOND]
