"""What a rehearsal of rules reads: snapshots in the order of their times, and the incidents there were."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, or_, select

from store.model import CheckKey, KeptSnapshot
from store.packing import names_of, unpack_numbers
from store.tables import agent, incident, layout, snapshot

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


def groups_of_agents(connection: Connection, agent_id: str | None) -> Mapping[str, str]:
    """The group of each agent that has snapshots, of this one alone unless it is None."""
    query = select(agent.c.agent_id, agent.c.group_name).where(agent.c.snapshot_ms.is_not(None))
    if agent_id is not None:
        query = query.where(agent.c.agent_id == agent_id)
    return dict(connection.execute(query).all())


def snapshots_between(
    connection: Connection, agent_ids: Collection[str], metrics: Collection[str], start_ms: int, end_ms: int
) -> Iterator[KeptSnapshot]:
    """The snapshots of these agents from `start_ms` to before `end_ms` in the order of their times, a few at a time.

    Each has only the readings of these metrics.
    """
    known = select(agent.c.agent_no, agent.c.agent_id)
    ids = {agent_no: agent_id for agent_no, agent_id in connection.execute(known) if agent_id in agent_ids}
    query = select(snapshot).where(snapshot.c.time_ms >= start_ms, snapshot.c.time_ms < end_ms)
    if len(ids) == 1:
        query = query.where(snapshot.c.agent_no == next(iter(ids)))
    ordered = query.order_by(*snapshot.primary_key.columns).execution_options(yield_per=ROWS_AT_A_TIME)
    places: dict[int, _Places] = {}
    for row in connection.execute(ordered):
        agent_id = ids.get(row.agent_no)
        if agent_id is None:
            continue
        if row.layout_no not in places:
            places[row.layout_no] = _places(connection, row.layout_no, metrics)
        numbers = unpack_numbers(row.numbers)
        yield KeptSnapshot(
            agent_id=agent_id,
            epoch=row.epoch,
            seq=row.seq,
            wall_ms=row.time_ms,
            received_ms=row.received_ms,
            readings={name: numbers[place] for name, place in places[row.layout_no]},
            extra=row.extra,
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
