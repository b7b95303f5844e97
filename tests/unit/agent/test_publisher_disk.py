"""A disk that refuses in the middle of sending costs no record: what was taken waits again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.link import Link
from agent.publisher import Publisher
from agent.spool import Spool, SpoolUnavailable
from rabbitmq.connection import BrokerAddress
from tests.unit.agent.stamping import AGENT_ID, goodbye, stamper


class MoodySpool(Spool):
    """Its oldest number cannot be read while `refuses`."""

    refuses = False

    @property
    def oldest_seq(self) -> int | None:
        if self.refuses:
            raise SpoolUnavailable("disk I/O error")
        return super().oldest_seq


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[MoodySpool]:
    one = MoodySpool(tmp_path / "spool.sqlite3", stamper())
    yield one
    one.close()


@pytest.fixture
def publisher(spool: MoodySpool, monkeypatch: pytest.MonkeyPatch) -> Iterator[Publisher]:
    one = Publisher(spool, BrokerAddress("127.0.0.1", 1, "guest", "guest"), agent_id=AGENT_ID, name="a", on_command=_no)
    monkeypatch.setattr(one._link, "publish", lambda _envelope: 1)
    monkeypatch.setattr(Link, "can_publish", True)
    yield one
    one._loop.close()


def _no(_body: bytes) -> None:
    raise AssertionError("no command was sent")


def test_a_batch_that_could_not_be_sent_waits_and_is_sent_when_the_disk_answers(
    spool: MoodySpool, publisher: Publisher
) -> None:
    spool.append(goodbye)
    spool.append(goodbye)
    spool.refuses = True
    publisher.link_up()
    assert (spool.waiting_count, publisher._window.in_flight_seqs) == (2, frozenset())
    spool.refuses = False
    publisher._fill()
    assert (spool.waiting_count, publisher._window.in_flight_seqs) == (0, frozenset({1, 2}))


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
    assert (spool.waiting_count, publisher._window.in_flight_seqs) == (1, frozenset())
