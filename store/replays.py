"""What a rehearsal of rules reads: snapshots in the order of their times, and the incidents there were."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from store.model import HUB, Agent, CheckKey, KeptSnapshot
from store.packing import names_of, number_at
from store.tables import agent, agent_columns, incident, layout, record, snapshot

ROWS_AT_A_TIME = 1_000
MOST_INCIDENTS = 10_000

_Places = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PastIncident:
    """`closed_ms` is None while it is open."""

    number: int
    key: CheckKey
    opened_ms: int
    closed_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """An agent said hello, then with the group it is in, or goodbye; by its own clock."""

    wall_ms: int
    agent_id: str
    group: str | None = None  # None: goodbye


class _Hello(msgspec.Struct):
    group: str = ""


_hellos = msgspec.json.Decoder(_Hello)


def agents_of(connection: Connection, agent_id: str | None) -> list[Agent]:
    """All agents, or this one alone unless it is None, as they are today."""
    query = select(*agent_columns).where(agent.c.agent_id != HUB)
    if agent_id is not None:
        query = query.where(agent.c.agent_id == agent_id)
    return [Agent(**row) for row in connection.execute(query).mappings()]


def announcements_between(
    connection: Connection, agent_ids: Collection[str], since_ms: int, end_ms: int
) -> Iterator[Announcement]:
    """What these agents said from `since_ms` to before `end_ms` in the order of its times, a few at a time.

    First comes what was so at `since_ms`: of each agent the newest hello and the newest goodbye before.
    """
    its = record.c
    spoken: list[ColumnElement[bool]] = [its.kind.in_(("hello", "goodbye"))]
    if len(agent_ids) == 1:
        its_number = select(agent.c.agent_no).where(agent.c.agent_id == next(iter(agent_ids)))
        spoken.append(its.agent_no == its_number.scalar_subquery())
    newest = (
        select(its.agent_no, its.kind, func.max(its.time_ms).label("time_ms"))
        .where(*spoken, its.time_ms < since_ms)
        .group_by(its.agent_no, its.kind)
        .subquery()
    )
    query = (
        select(its.time_ms, agent.c.agent_id, its.kind, its.raw)
        .join_from(record, agent, agent.c.agent_no == its.agent_no)
        .where(*spoken)
        .order_by(its.time_ms, *record.primary_key.columns)
        .execution_options(yield_per=ROWS_AT_A_TIME)
    )
    before = query.join(newest, and_(*(its[name] == newest.c[name] for name in ("agent_no", "kind", "time_ms"))))
    for part in (before, query.where(its.time_ms >= since_ms, its.time_ms < end_ms)):
        for wall_ms, agent_id, kind, raw in connection.execute(part):
            if agent_id in agent_ids:
                group = _hellos.decode(raw).group if kind == "hello" else None
                yield Announcement(wall_ms=wall_ms, agent_id=agent_id, group=group)


def oldest_snapshot_ms(connection: Connection) -> int | None:
    """The time of the oldest snapshot that is kept."""
    return connection.execute(select(snapshot.c.time_ms).order_by(snapshot.c.time_ms).limit(1)).scalar()


def snapshots_between(
    connection: Connection, agent_ids: Collection[str], metrics: Collection[str], start_ms: int, end_ms: int
) -> Iterator[KeptSnapshot]:
    """The snapshots of these agents from `start_ms` to before `end_ms` in the order of their times, a few at a time.

    Each has only the readings of these metrics.
    """
    known = select(agent.c.agent_no, agent.c.agent_id)
    ids = {agent_no: agent_id for agent_no, agent_id in connection.execute(known) if agent_id in agent_ids}
    query = select(*snapshot.columns).where(snapshot.c.time_ms >= start_ms, snapshot.c.time_ms < end_ms)
    if len(ids) == 1:
        query = query.where(snapshot.c.agent_no == next(iter(ids)))
    ordered = query.order_by(*snapshot.primary_key.columns).execution_options(yield_per=ROWS_AT_A_TIME)
    places: dict[int, _Places] = {}
    for time_ms, agent_no, epoch, seq, received_ms, layout_no, numbers, extra in connection.execute(ordered):
        agent_id = ids.get(agent_no)
        if agent_id is None:
            continue
        if layout_no not in places:
            places[layout_no] = _places(connection, layout_no, metrics)
        yield KeptSnapshot(
            agent_id=agent_id,
            epoch=epoch,
            seq=seq,
            wall_ms=time_ms,
            received_ms=received_ms,
            readings={name: number_at(numbers, place) for name, place in places[layout_no]},
            extra=extra,
        )


def incidents_between(
    connection: Connection, rule_ids: Collection[str], agent_ids: Collection[str], start_ms: int, end_ms: int
) -> list[PastIncident]:
    """The incidents of these rules and agents that were open at some time in between, the first 10,000 of them."""
    columns = [incident.c[name] for name in ("number", "rule", "subject", "opened_ms", "closed_ms")]
    query = (
        select(agent.c.agent_id, *columns)
        .join_from(incident, agent)
        .where(incident.c.rule.in_(rule_ids), incident.c.opened_ms < end_ms)
        .where(or_(incident.c.closed_ms.is_(None), incident.c.closed_ms >= start_ms))
        .order_by(incident.c.number)
        .limit(MOST_INCIDENTS)
    )
    return [
        PastIncident(
            number=row.number,
            key=CheckKey(row.agent_id, row.rule, row.subject),
            opened_ms=row.opened_ms,
            closed_ms=row.closed_ms,
        )
        for row in connection.execute(query)
        if row.agent_id in agent_ids
    ]


def _places(connection: Connection, layout_no: int, metrics: Collection[str]) -> _Places:
    packed = connection.execute(select(layout.c.names).where(layout.c.layout_no == layout_no)).scalar()
    names = enumerate(names_of(packed) if packed else ())
    return tuple((name, place) for place, name in names if name.partition("{")[0] in metrics)
