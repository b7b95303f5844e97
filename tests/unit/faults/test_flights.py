"""What processors note of their sending is read back with the end that each flight had."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from faults import flights
from faults.flights import End, FlightJournal, read_flights, watch_flights
from processor.notifiers.notifier import Message, NotifierError
from processor.notifiers.webhook import WebHook
from processor.notify import desk
from store import outbox
from store.response import Notice, NoticeKind

MESSAGE = Message(
    [
        Notice(
            notice_no=number, number=number, channel="desk", kind=NoticeKind.PROBLEM,
            dedup_key=f"{number}/desk/problem", created_ms=0, due_ms=0,
        )
        for number in (1, 2)
    ]
)  # fmt: skip
KEYS = ["1/desk/problem", "2/desk/problem"]


def line(event: str, process_id: int, key: str = "k") -> str:
    return f'["{event}", "{key}", {process_id}, 5]\n'


def ends(tmp_path: Path, *lines: str) -> list[End]:
    file = tmp_path / "flights"
    file.write_text("".join(lines))
    return [flight.end for flight in read_flights(file, killed={10})]


def test_only_who_was_killed_in_the_middle_died(tmp_path: Path) -> None:
    assert ends(tmp_path, line("sending", 10)) == [End.DIED]
    assert ends(tmp_path, line("sending", 20)) == [End.OPEN]
    assert ends(tmp_path, line("sending", 10), line("noted", 10)) == [End.NOTED]
    assert ends(tmp_path, line("sending", 10), line("failed", 10)) == [End.FAILED]


def test_an_end_is_that_of_the_process_that_sent(tmp_path: Path) -> None:
    assert ends(tmp_path, line("sending", 10), line("sending", 20), line("noted", 20)) == [End.DIED, End.NOTED]
    assert ends(tmp_path, line("sending", 10), line("noted", 10, "other")) == [End.DIED]
    assert ends(tmp_path, line("sending", 10), line("noted", 20)) == [End.DIED]
    assert ends(tmp_path, line("noted", 10)) == []


def test_a_torn_line_is_none(tmp_path: Path) -> None:
    assert ends(tmp_path, line("sending", 10), line("noted", 10)[:-1]) == [End.DIED]
    assert read_flights(tmp_path / "none", ()) == []


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This process is watched; what it calls is a stand-in until the end of the test."""

    @contextmanager
    def transaction(_engine: object) -> Iterator[Any]:
        yield None

    monkeypatch.setattr(WebHook, "send", lambda *_: "200")
    monkeypatch.setattr(outbox, "mark_delivered", lambda *_: None)
    monkeypatch.setattr(flights, "transaction", transaction)
    monkeypatch.setattr(desk, "transaction", transaction)
    return tmp_path / "flights"


def seen(journal: Path) -> list[tuple[str, End]]:
    return [(flight.key, flight.end) for flight in read_flights(journal, killed=())]


def test_a_flight_lasts_until_the_commit_that_notes_it(journal: Path) -> None:
    watch_flights(FlightJournal(journal))
    assert WebHook.send(None, MESSAGE) == "200"  # type: ignore[arg-type]
    assert seen(journal) == [(key, End.OPEN) for key in KEYS]
    with vars(desk)["transaction"](None) as connection:
        outbox.mark_delivered(connection, MESSAGE.notices, "200", 5)
        assert seen(journal) == [(key, End.OPEN) for key in KEYS]
    assert seen(journal) == [(key, End.NOTED) for key in KEYS]


def test_a_note_that_was_rolled_back_ends_no_flight(journal: Path) -> None:
    watch_flights(FlightJournal(journal))
    WebHook.send(None, MESSAGE)  # type: ignore[arg-type]
    with suppress(ZeroDivisionError), vars(desk)["transaction"](None) as connection:
        outbox.mark_delivered(connection, MESSAGE.notices, "200", 5)
        raise ZeroDivisionError
    with vars(desk)["transaction"](None):
        pass
    assert seen(journal) == [(key, End.OPEN) for key in KEYS]


def test_a_refusal_ends_a_flight(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> str:
        raise NotifierError("500")

    monkeypatch.setattr(WebHook, "send", refuse)
    watch_flights(FlightJournal(journal))
    with pytest.raises(NotifierError):
        WebHook.send(None, MESSAGE)  # type: ignore[arg-type]
    assert seen(journal) == [(key, End.FAILED) for key in KEYS]
