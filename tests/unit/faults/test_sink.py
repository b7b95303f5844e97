"""The sink takes what the real notifier sends, says what it is told to say, and journals what it heard."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.sink import SECRET, Mode, Sink
from processor.notifiers.notifier import Message, NotifierError
from processor.notifiers.webhook import WebHook
from store.response import Notice, NoticeKind

PAYLOAD = {
    "number": 7, "kind": "problem", "severity": "critical", "agent_id": "a1", "host": "web", "group": "",
    "rule": "disk-usage", "subject": "", "title": "t", "sentence": "s", "step": None, "command": None,
    "url": "http://hub/i/7", "opened_ms": 5, "closed_ms": None, "at_ms": 6, "route": "", "told": [],
}  # fmt: skip
MESSAGE = Message(
    [
        Notice(
            notice_no=1,
            number=7,
            channel="desk",
            kind=NoticeKind.PROBLEM,
            dedup_key="7/desk/problem",
            created_ms=0,
            due_ms=0,
            payload=PAYLOAD,
        )
    ]
)


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    made = Sink("desk", tmp_path / "desk.sink")
    yield made
    made.close()


def send(sink: Sink, secret: str = SECRET) -> str:
    return WebHook(sink.url, secret.encode(), time.time).send(MESSAGE)


def test_what_arrives_is_journaled_and_taken(sink: Sink) -> None:
    assert send(sink) == "200"
    (heard,) = sink.heard()
    assert (heard.key, heard.number, heard.transition.kind, heard.is_taken) == ("7/desk/problem", 7, "problem", True)


def test_another_secret_is_refused(sink: Sink) -> None:
    with pytest.raises(NotifierError, match="401"):
        send(sink, "another")


@pytest.mark.parametrize(("mode", "permanent"), [(Mode.BROKEN, False), (Mode.GONE, True)])
def test_a_refusal_is_heard_and_not_taken(sink: Sink, mode: Mode, permanent: bool) -> None:
    sink.set(mode)
    with pytest.raises(NotifierError, match=mode.value) as failure:
        send(sink)
    assert failure.value.permanent is permanent
    assert [item.is_taken for item in sink.heard()] == [False]


@pytest.mark.parametrize(("mode", "is_unsure"), [(Mode.TORN, True), (Mode.DOWN, False)])
def test_nobody_answers_until_it_is_healed(sink: Sink, mode: Mode, is_unsure: bool) -> None:
    sink.set(mode)
    with pytest.raises(NotifierError) as failure:
        send(sink)
    assert failure.value.is_unsure is is_unsure
    assert sink.heard() == []
    sink.set(Mode.OK)
    assert send(sink) == "200"
    assert sink.modes == {Mode.OK, mode}


def test_a_torn_handshake_is_a_tls_error(tmp_path: Path) -> None:
    sink = Sink("tls", tmp_path / "tls.sink", "https")
    sink.set(Mode.TORN)
    try:
        with pytest.raises(NotifierError, match="cannot be reached") as failure:
            send(sink)
        assert not failure.value.is_unsure
    finally:
        sink.close()
