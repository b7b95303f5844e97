"""Reading snapshots: the newest one, series over time, and which records are kept."""

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, ScalarSelect, select, union

from store.model import Agent, KeptSnapshot, errors_in
from store.packing import names_of, number_at, unpack_numbers
from store.tables import agent, layout, record, snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A reading over one stretch of time that starts at `time_ms`: `count` values, `avg` their mean."""

    time_ms: int
    min: float
    avg: float
    max: float
    count: int


class _Stretch:
    """What is known of a reading in one stretch of time, without its single values."""

    def __init__(self) -> None:
        self.low, self.high, self.total, self.count = math.inf, -math.inf, 0.0, 0

    def add(self, value: float) -> None:
        self.low = min(self.low, value)
        self.high = max(self.high, value)
        self.total += value
        self.count += 1

    def point(self, time_ms: int) -> Point:
        # a sum may round or overflow, a mean lies between
        mean = min(max(self.total / self.count, self.low), self.high)
        return Point(time_ms=time_ms, min=self.low, avg=mean, max=self.high, count=self.count)


def latest(connection: Connection, agent: Agent) -> KeptSnapshot | None:
    """The agent's newest snapshot, None when it has none or its age was more than is kept."""
    query = (
        select(snapshot, layout.c.names)
        .join(layout, layout.c.layout_no == snapshot.c.layout_no)
        .where(
            snapshot.c.time_ms == agent.snapshot_ms,
            snapshot.c.agent_no == _agent_no(agent.agent_id),
            snapshot.c.epoch == agent.snapshot_epoch,
            snapshot.c.seq == agent.snapshot_seq,
        )
    )
    row = connection.execute(query).first()
    if row is None:
        return None
    return KeptSnapshot(
        agent_id=agent.agent_id,
        epoch=row.epoch,
        seq=row.seq,
        wall_ms=row.time_ms,
        received_ms=row.received_ms,
        readings=dict(zip(names_of(row.names), unpack_numbers(row.numbers), strict=True)),
        extra=row.extra,
    )


def not_measured(connection: Connection, agent_ids: Collection[str] | None = None) -> dict[str, Mapping[str, str]]:
    """What the newest snapshots of these agents (None: all) lack, each with why; who lacks nothing is absent."""
    newest = select(snapshot.c.extra).where(  # a subquery, because a join may read every snapshot there is
        snapshot.c.time_ms == agent.c.snapshot_ms,
        snapshot.c.agent_no == agent.c.agent_no,
        snapshot.c.epoch == agent.c.snapshot_epoch,
        snapshot.c.seq == agent.c.snapshot_seq,
    )
    query = select(agent.c.agent_id, newest.scalar_subquery())
    if agent_ids is not None:
        query = query.where(agent.c.agent_id.in_(agent_ids))
    return {agent_id: errors for agent_id, extra in connection.execute(query) if (errors := errors_in(extra))}


def newest_readings(
    connection: Connection, metrics: Sequence[str], agent_ids: Collection[str]
) -> dict[str, dict[str, float]]:
    """The readings of these metrics in the agents' newest snapshots; who has none of them is absent."""
    newest = select(snapshot).where(
        snapshot.c.time_ms == agent.c.snapshot_ms,
        snapshot.c.agent_no == agent.c.agent_no,
        snapshot.c.epoch == agent.c.snapshot_epoch,
        snapshot.c.seq == agent.c.snapshot_seq,
    )
    columns = [
        newest.with_only_columns(column).scalar_subquery() for column in (snapshot.c.layout_no, snapshot.c.numbers)
    ]
    rows = connection.execute(select(agent.c.agent_id, *columns).where(agent.c.agent_id.in_(agent_ids))).all()
    wanted = {number: _places(connection, number, metrics) for number in {row[1] for row in rows} - {None}}
    found = {
        agent_id: {name: number_at(numbers, place) for name, place in wanted[layout_no]}
        for agent_id, layout_no, numbers in rows
        if layout_no is not None
    }
    return {agent_id: readings for agent_id, readings in found.items() if readings}


def history(
    connection: Connection, agent_id: str, metrics: Sequence[str], start_ms: int, end_ms: int, max_points: int
) -> dict[str, list[Point]]:
    """Series of the agent's readings from `start_ms` to before `end_ms`, each of at most `max_points` points.

    A name in `metrics` is a reading's (`disk.usage_percent{mount="/"}`) or a metric's, which means all its readings.
    The time is cut into equal stretches; one without values gives no point, a reading without points is left out.
    """
    width_ms = max(1, -(-(end_ms - start_ms) // max_points))
    query = (
        select(snapshot.c.time_ms, snapshot.c.layout_no, snapshot.c.numbers)
        .where(snapshot.c.time_ms >= start_ms, snapshot.c.time_ms < end_ms)
        .where(snapshot.c.agent_no == _agent_no(agent_id))
        .order_by(snapshot.c.time_ms)
        .execution_options(yield_per=1000)
    )
    wanted: dict[int, list[tuple[str, int]]] = {}
    stretches: dict[str, dict[int, _Stretch]] = defaultdict(lambda: defaultdict(_Stretch))
    for time_ms, layout_no, numbers in connection.execute(query):
        if layout_no not in wanted:
            wanted[layout_no] = _places(connection, layout_no, metrics)
        stretch_ms = time_ms - (time_ms - start_ms) % width_ms
        for name, place in wanted[layout_no]:
            stretches[name][stretch_ms].add(number_at(numbers, place))
    return {
        name: [stretch.point(time_ms) for time_ms, stretch in stretches[name].items()] for name in sorted(stretches)
    }


def stored_sequences(connection: Connection, agent_id: str) -> list[tuple[int, int]]:
    """(epoch, seq) of every kept record of the agent, snapshots and others, in rising order."""
    number = _agent_no(agent_id)
    snapshots = select(snapshot.c.epoch, snapshot.c.seq).where(snapshot.c.agent_no == number)
    records = select(record.c.epoch, record.c.seq).where(record.c.agent_no == number)
    return sorted((epoch, seq) for epoch, seq in connection.execute(union(snapshots, records)))


def _agent_no(agent_id: str) -> ScalarSelect[int]:
    return select(agent.c.agent_no).where(agent.c.agent_id == agent_id).scalar_subquery()


def _places(connection: Connection, layout_no: int, metrics: Sequence[str]) -> list[tuple[str, int]]:
    packed = connection.execute(select(layout.c.names).where(layout.c.layout_no == layout_no)).scalar_one()
    wanted = set(metrics)
    return [
        (name, place)
        for place, name in enumerate(names_of(packed))
        if name in wanted or name.partition("{")[0] in wanted
    ]
