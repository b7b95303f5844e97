"""The witness of notices: which processor was sending which one when, on another file system than the database.

    sending   about to be handed to the network
    failed    the receiver did not take it, as far as its sender knows
    noted     the transaction that calls it delivered has ended

One file for all processors of a run, so that its order is the order in which things happened.
"""

import json
import os
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from sqlalchemy import Connection, Engine

from processor.notifiers.notifier import Message, NotifierError
from processor.notifiers.webhook import WebHook
from processor.notify import desk
from store import outbox
from store.engine import transaction
from store.response import Notice

FLIGHTS = "FAULTS_FLIGHTS"  # names the file in which processors note what they send


class End(StrEnum):
    """How a flight ended; `died` is the only end after which the same notice may come to its receiver once more."""

    OPEN = "open"
    FAILED = "failed"
    NOTED = "noted"
    DIED = "died"


@dataclass(frozen=True, slots=True)
class Flight:
    """One sending of the notice with this key by one process."""

    key: str
    process_id: int
    sent_ms: int
    end: End = End.OPEN


class FlightJournal:
    """Appends lines to the processors' common file and syncs each write."""

    def __init__(self, file: Path) -> None:
        self._descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(self, event: str, keys: Iterable[str]) -> None:
        at_ms = time.time_ns() // 1_000_000
        lines = [json.dumps([event, key, os.getpid(), at_ms]) + "\n" for key in keys]
        if lines:
            os.write(self._descriptor, "".join(lines).encode())
            os.fsync(self._descriptor)


def watch_flights(journal: FlightJournal) -> None:
    """Patch this process: around each request of a web hook, and after the commit that notes its end."""
    send, mark_delivered = WebHook.send, outbox.mark_delivered
    marked: list[str] = []

    def send_and_note(self: WebHook, message: Message) -> str:
        keys = [notice.dedup_key for notice in message.notices]
        journal.write("sending", keys)
        try:
            return send(self, message)
        except NotifierError:
            journal.write("failed", keys)
            raise

    def mark(connection: Connection, delivered: Sequence[Notice], answer: str, now_ms: int) -> None:
        mark_delivered(connection, delivered, answer, now_ms)
        marked.extend(notice.dedup_key for notice in delivered)

    @contextmanager
    def note_when_committed(engine: Engine) -> Iterator[Connection]:
        marked.clear()
        with transaction(engine) as connection:
            yield connection
        journal.write("noted", marked)

    setattr(WebHook, "send", send_and_note)  # noqa: B010 - the type of a method cannot be assigned
    vars(outbox)["mark_delivered"] = mark
    vars(desk)["transaction"] = note_when_committed


def read_flights(file: Path, killed: Collection[int]) -> list[Flight]:
    """In the order in which they began, without a line still being written. `killed` are processes that were."""
    if not file.exists():
        return []
    whole, _, _ = file.read_text().rpartition("\n")
    flights: list[Flight] = []
    for line in whole.splitlines():
        event, key, process_id, at_ms = json.loads(line)
        if event == "sending":
            flights.append(Flight(key, process_id, at_ms))
        else:
            _end(flights, key, process_id, End(event))
    return [
        replace(each, end=End.DIED) if each.end is End.OPEN and each.process_id in killed else each for each in flights
    ]


def _end(flights: list[Flight], key: str, process_id: int, end: End) -> None:
    """Of the newest that this process has open; one that was called delivered without being sent has none."""
    for place in range(len(flights) - 1, -1, -1):
        flight = flights[place]
        if (flight.key, flight.process_id, flight.end) == (key, process_id, End.OPEN):
            flights[place] = replace(flight, end=end)
            return
