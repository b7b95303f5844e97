"""What the database says after a run, read row by row and independently of the account that the processor keeps."""

import json
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Engine, select

from faults.digest import digest_of_body, digest_of_fields, digest_of_snapshot
from faults.witness import Content, Key
from processor.agent_fold import IDENTITY_CONFLICT_REASON
from rabbitmq.records import Loss
from store import reused_keys, tables
from store.engine import reading
from store.model import Change
from store.packing import names_of, unpack_numbers

MESSAGE_ID = re.compile(r"([a-z0-9-]+)/(\d+)/(\d+)-(\d+)")
BROUGHT_BY_ITSELF = (Change.OPENED, Change.WORSENED, Change.EASED, Change.FLAPPING, Change.SETTLED, Change.CLOSED)
RECORD_ALONE = "invalid-record"  # its message's id names its neighbours, too
REUSE_REASONS = frozenset({reused_keys.REASON, IDENTITY_CONFLICT_REASON})  # of whole records with a disputed number
UNREADABLE = ""  # the digest of what lies in quarantine because nobody can say what it was


class QuarantinedRow(NamedTuple):
    """What lies in quarantine: a whole message, or one record of a readable one."""

    reason: str
    routing_key: str
    message_id: str | None
    body: bytes


@dataclass(frozen=True, slots=True)
class StoredSnapshot:
    """Enough of a stored snapshot to judge it once more."""

    key: Key
    wall_ms: int
    received_ms: int
    readings: dict[str, float]
    extra: dict[str, Any]


@dataclass(frozen=True, slots=True, order=True)
class IncidentStep:
    """One change in an incident's timeline that a record or a timer brought."""

    agent_id: str
    epoch: int
    seq: int
    rule: str
    subject: str
    change: str
    at_ms: int = field(default=0, compare=False)  # by the processor's clock
    is_late: bool = field(default=False, compare=False)  # its incident, in the end

    @property
    def key(self) -> Key:
        return Key(self.agent_id, self.epoch, self.seq)


@dataclass(frozen=True, slots=True)
class AccountRow:
    """What the processor itself keeps of one agent's epoch: its gaps by state, in records."""

    agent_id: str
    epoch: int
    assigned_seq: int
    stored: int
    duplicates: int
    gaps: Mapping[str, int]


@dataclass
class Kept:
    """The database's side. `stored` names each row with the digest of its content."""

    stored: list[Content] = field(default_factory=list)
    quarantined: list[QuarantinedRow] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    snapshots: list[StoredSnapshot] = field(default_factory=list)
    others: list[tuple[Key, int]] = field(default_factory=list)  # not snapshots, each with the time of its receipt
    incidents: list[IncidentStep] = field(default_factory=list)
    accounts: list[AccountRow] = field(default_factory=list)
    died_in_memory: set[Key] = field(default_factory=set)  # the processor's word: an epoch in memory has ended

    @property
    def stored_keys(self) -> set[Key]:
        return {key for key, _ in self.stored}

    @property
    def quarantined_keys(self) -> set[Key]:
        return {key for row in self.quarantined for key in keys_of(row)}

    @property
    def contents(self) -> set[Content]:
        """What is stored or in quarantine; what cannot be read there stands for any record of its number."""
        return {*self.stored, *(content for row in self.quarantined for content in contents_of(row))}

    @property
    def named_keys(self) -> set[Key]:
        """Named as lost."""
        return {key for loss in self.losses for key in named_by(loss)} | self.died_in_memory

    @property
    def declared_keys(self) -> set[Key]:
        """Named as lost and not here nevertheless."""
        return self.named_keys - self.stored_keys - self.quarantined_keys

    @property
    def accounted(self) -> set[Key]:
        return self.stored_keys | self.quarantined_keys | self.declared_keys


def named_by(loss: Loss) -> Iterator[Key]:
    for seq in range(loss.first_seq, loss.last_seq + 1, loss.step):
        yield Key(loss.agent_id, loss.lost_epoch, seq)


def keys_of(row: QuarantinedRow) -> Sequence[Key]:
    """Of a record or of a whole message: as its bytes say or, where those are damaged, as the message's id says."""
    body = row.body
    with suppress(zlib.error):
        body = zlib.decompress(body)
    try:
        fields = json.loads(body.decode(errors="replace"))
        records = fields.get("records", [fields])
        keys = [Key(item["agent_id"], int(item["epoch"]), int(item["seq"])) for item in records]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        keys = []
    if keys and {key.agent_id for key in keys} == {row.routing_key}:
        return keys
    return () if row.reason == RECORD_ALONE else _keys_of_message(row.message_id or "")


def contents_of(row: QuarantinedRow) -> Sequence[Content]:
    """Of a disputed record itself; what was damaged counts for whatever had its number."""
    if row.reason in REUSE_REASONS:
        with suppress(ValueError, KeyError, TypeError, AttributeError):
            fields = json.loads(row.body)
            key = Key(fields["agent_id"], int(fields["epoch"]), int(fields["seq"]))
            return [Content(key, digest_of_fields(fields))]
    return [Content(key, UNREADABLE) for key in keys_of(row)]


def _keys_of_message(message_id: str) -> Sequence[Key]:
    told = MESSAGE_ID.fullmatch(message_id)
    if told is None:
        return ()
    agent_id, epoch, first_seq, last_seq = told.groups()
    return [Key(agent_id, int(epoch), seq) for seq in range(int(first_seq), int(last_seq) + 1)]


def read_evidence(engine: Engine) -> Kept:
    """Everything; raises StoreUnavailable."""
    with reading(engine) as connection:
        kept = Kept(incidents=_incident_steps(connection))
        for snapshot in _snapshots(connection):
            kept.snapshots.append(snapshot)
            digest = digest_of_snapshot(snapshot.wall_ms, snapshot.readings, snapshot.extra)
            kept.stored.append(Content(snapshot.key, digest))
        for row in connection.execute(
            select(tables.agent.c.agent_id, tables.record).join_from(
                tables.record, tables.agent, tables.record.c.agent_no == tables.agent.c.agent_no
            )
        ):
            key = Key(row.agent_id, row.epoch, row.seq)
            kept.stored.append(Content(key, digest_of_body(row.raw)))
            kept.others.append((key, row.received_ms))
            if row.kind == "loss":
                kept.losses.append(msgspec.json.decode(row.raw, type=Loss))
        kept.quarantined = _quarantined(connection)
        kept.accounts = list(_accounts(connection))
        kept.died_in_memory = _died_in_memory(connection)
    return kept


def read_stored(engine: Engine) -> set[Key]:
    """The keys alone: quick enough to ask several times a second. Raises StoreUnavailable."""
    with reading(engine) as connection:
        return _stored(connection)


def read_accounted(engine: Engine) -> set[Key]:
    """What is stored, in quarantine or named as lost, as quickly. Raises StoreUnavailable."""
    with reading(engine) as connection:
        found = _stored(connection)
        losses = connection.execute(select(tables.record.c.raw).where(tables.record.c.kind == "loss"))
        for (raw,) in losses:
            found.update(named_by(msgspec.json.decode(raw, type=Loss)))
        found.update(key for row in _quarantined(connection) for key in keys_of(row))
        found |= _died_in_memory(connection)
    return found


def _stored(connection: Connection) -> set[Key]:
    found: set[Key] = set()
    for table in (tables.snapshot, tables.record):
        query = select(tables.agent.c.agent_id, table.c.epoch, table.c.seq).join_from(
            table, tables.agent, table.c.agent_no == tables.agent.c.agent_no
        )
        found.update(Key(*row) for row in connection.execute(query))
    return found


def _quarantined(connection: Connection) -> list[QuarantinedRow]:
    quarantine = tables.quarantine.c
    columns = (quarantine.reason, quarantine.routing_key, quarantine.message_id, quarantine.body)
    return [QuarantinedRow(*row) for row in connection.execute(select(*columns))]


def _accounts(connection: Connection) -> Iterator[AccountRow]:
    gaps: dict[tuple[int, int], Counter[str]] = defaultdict(Counter)
    for gap in connection.execute(select(tables.gap)):
        gaps[gap.agent_no, gap.epoch][gap.state] += (gap.last_seq - gap.first_seq) // gap.step + 1
    query = select(tables.account, tables.agent.c.agent_id).join_from(tables.account, tables.agent)
    for row in connection.execute(query):
        numbers = (row.assigned_seq, row.stored, row.duplicates)
        yield AccountRow(row.agent_id, row.epoch, *numbers, gaps[row.agent_no, row.epoch])


def _died_in_memory(connection: Connection) -> set[Key]:
    """Declared by the processor alone: nobody but it can name what died with an agent's process."""
    gap, agent = tables.gap, tables.agent
    query = select(agent.c.agent_id, gap.c.epoch, gap.c.first_seq, gap.c.last_seq, gap.c.step).join_from(gap, agent)
    rows = connection.execute(query.where(gap.c.state == "declared", gap.c.reason == "disk"))
    return {Key(row.agent_id, row.epoch, seq) for row in rows for seq in _numbers(row)}


def _numbers(gap: Any) -> range:
    return range(gap.first_seq, gap.last_seq + 1, gap.step)


def _snapshots(connection: Connection) -> Iterator[StoredSnapshot]:
    query = (
        select(tables.agent.c.agent_id, tables.snapshot, tables.layout.c.names)
        .join_from(tables.snapshot, tables.agent, tables.snapshot.c.agent_no == tables.agent.c.agent_no)
        .join(tables.layout, tables.layout.c.layout_no == tables.snapshot.c.layout_no)
    )
    for row in connection.execute(query):
        readings = dict(zip(names_of(row.names), unpack_numbers(row.numbers), strict=True))
        key = Key(row.agent_id, row.epoch, row.seq)
        yield StoredSnapshot(key, row.time_ms, row.received_ms, readings, json.loads(row.extra or b"{}"))


def _incident_steps(connection: Connection) -> list[IncidentStep]:
    event, incident, agent = tables.incident_event, tables.incident, tables.agent
    query = (
        select(
            agent.c.agent_id,
            event.c.epoch,
            event.c.seq,
            incident.c.rule,
            incident.c.subject,
            event.c.change,
            event.c.received_ms,
            incident.c.is_late,
        )
        .join_from(event, incident, event.c.number == incident.c.number)
        .join(agent, agent.c.agent_no == incident.c.agent_no)
    )
    return [IncidentStep(*row) for row in connection.execute(query.where(event.c.change.in_(BROUGHT_BY_ITSELF)))]
