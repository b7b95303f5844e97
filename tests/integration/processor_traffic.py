"""Records on their way to the processor, and what became of them."""

from pika.adapters.blocking_connection import BlockingChannel
from sqlalchemy import Engine

from rabbitmq.connection import message_properties
from rabbitmq.message import Envelope, Numbering, encode
from rabbitmq.records import Snapshot, encode_record
from rabbitmq.topology import EXCHANGE, QUEUE
from store import agents, quarantine, snapshots
from store.engine import reading
from tests.unit.processor.deliveries import snapshot

AGENT = "web-3"


def envelope(record: Snapshot) -> Envelope:
    return encode(
        record.agent_id,
        record.epoch,
        [(record.seq, encode_record(record))],
        numbering=Numbering(record.seq, 1),
        now_seconds=record.wall_seconds,
    )


def numbered(first: int, last: int) -> list[Envelope]:
    """Snapshots `first` to `last` of AGENT, each in a message of its own."""
    return [envelope(snapshot(seq, cpu=float(seq % 100))) for seq in range(first, last + 1)]


def publish(channel: BlockingChannel, *envelopes: Envelope, reply_to: str | None = None) -> None:
    for sent in envelopes:
        properties = message_properties(sent, reply_to=reply_to)
        channel.basic_publish(EXCHANGE, sent.routing_key, sent.body, properties, mandatory=True)


def stored(engine: Engine) -> list[int]:
    with reading(engine) as connection:
        return [seq for _, seq in snapshots.stored_sequences(connection, AGENT)]


def assert_whole(engine: Engine, last: int, quarantined: int = 0, unreadable: int = 0) -> None:
    """Records 1 to `last` are stored once each, but for `quarantined` of them, and the account closes.

    `unreadable` more are in quarantine that carry no number.
    """
    with reading(engine) as connection:
        [(account, gaps)] = agents.fleet_state(connection).accounts
        in_quarantine = quarantine.list_entries(connection, None, 100)
    assert len(stored(engine)) == len(set(stored(engine))) == last - quarantined
    assert account.assigned_seq == last == account.stored + sum(gap.count for gap in gaps)
    assert sum(gap.count for gap in gaps) == quarantined == len(in_quarantine) - unreadable
    assert {gap.state for gap in gaps} <= {"quarantined"}


def ready(channel: BlockingChannel) -> int:
    """Messages that wait in the queue and are with no processor."""
    count: int = channel.queue_declare(QUEUE, passive=True).method.message_count
    return count
