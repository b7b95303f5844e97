"""The real agent with the witness at its spool and at its link; nothing of it is in the agent's own code."""

import os
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from agent import spool_rows
from agent.link import Link
from agent.main import main as agent_main
from agent.publisher import Publisher
from agent.spool_rows import Rows
from agent.statement_reader import StatementReader
from faults import boot_clock, boundary, scripted_disk
from faults.digest import digest_of_body
from faults.witness import Content, Journal, Key
from rabbitmq.message import Envelope, decode
from rabbitmq.records import Record, encode_record

JOURNAL, REAL_READINGS, DEAF = "FAULTS_JOURNAL", "FAULTS_REAL_READINGS", "FAULTS_DEAF_TO_STATEMENTS"
BALLAST = "FAULTS_BALLAST_READINGS"


def main() -> int:
    """Settings of the rig, then the agent's own start."""
    boot_clock.move_ahead("faults.witnessed_agent")
    journal = Journal(Path(os.environ[JOURNAL]))
    watch_spool(journal)
    watch_link(journal)
    if REAL_READINGS not in os.environ:
        scripted_disk.install(int(os.environ.get(BALLAST, "0")))
    if DEAF in os.environ:
        setattr(StatementReader, "read", lambda *_: None)  # noqa: B010 - the type of a method cannot be assigned
    if boundary.VARIABLE in os.environ:
        boundary.arm(os.environ[boundary.VARIABLE])
    return agent_main(["run"])


def watch_spool(journal: Journal) -> None:
    """Whatever a transaction writes is an intent before its commit and offered after it."""
    transaction = Rows.transaction
    written = threading.local()

    def encode_and_note(record: Record) -> bytes:
        body = encode_record(record)
        content = Content(Key(record.agent_id, record.epoch, record.seq), digest_of_body(body))
        journal.write("intent", [content])
        written.contents.append(content)
        return body

    @contextmanager
    def note_when_committed(self: Rows) -> Iterator[None]:
        written.contents = []
        with transaction(self):
            yield
        journal.write("offered", written.contents)

    vars(spool_rows)["encode_record"] = encode_and_note
    setattr(Rows, "transaction", note_when_committed)  # noqa: B010 - the type of a method cannot be assigned


def watch_link(journal: Journal) -> None:
    """What goes out by delivery tag, and what the broker's answers say of it, read off the links themselves."""
    publish = Link.publish
    link_up, acked, nacked, returned = Publisher.link_up, Publisher.acked, Publisher.nacked, Publisher.returned
    sent: defaultdict[object, dict[int, tuple[str, list[Content]]]] = defaultdict(dict)
    unroutable: set[str] = set()
    connections: dict[object, str] = {}
    numbers = count(1)

    def publish_and_note(self: Link, envelope: Envelope) -> int:
        contents = contents_of(envelope)
        journal.write("published", contents)
        tag = publish(self, envelope)
        sent[self._listener][tag] = (envelope.message_id, contents)
        return tag

    def new_channel(self: Publisher) -> None:
        sent[self].clear()
        connections[self] = f"{os.getpid()}/{next(numbers)}"
        link_up(self)

    def answered(publisher: Publisher, tag: int, multiple: bool) -> list[tuple[str, list[Content]]]:
        open_ones = sent[publisher]
        tags = [known for known in open_ones if known <= tag or tag == 0] if multiple else [tag]
        return [open_ones.pop(known) for known in tags if known in open_ones]

    def note_ack(self: Publisher, tag: int, multiple: bool) -> None:
        for message_id, contents in answered(self, tag, multiple):
            if message_id in unroutable:
                unroutable.discard(message_id)
            else:
                journal.write("confirmed", contents, connections[self])
        acked(self, tag, multiple)

    def note_nack(self: Publisher, tag: int, multiple: bool) -> None:
        answered(self, tag, multiple)
        nacked(self, tag, multiple)

    def note_return(self: Publisher, message_id: str) -> None:
        unroutable.add(message_id)
        returned(self, message_id)

    patches = {"link_up": new_channel, "acked": note_ack, "nacked": note_nack, "returned": note_return}
    for name, patch in patches.items():
        setattr(Publisher, name, patch)
    Link.publish = publish_and_note  # type: ignore[method-assign]


def contents_of(envelope: Envelope) -> list[Content]:
    message = decode(envelope.body, routing_key=envelope.routing_key, content_encoding=envelope.content_encoding)
    return [
        Content(Key(item.record.agent_id, item.record.epoch, item.record.seq), digest_of_body(item.raw))
        for item in message.records
    ]


if __name__ == "__main__":
    raise SystemExit(main())
