"""What rules that look back need of many agents at once: the readings near single moments of the past.

Snapshots lie in the order of time, so a moment is one short range of rows, whoever sent them; the series of one agent
would be a walk through everybody's rows.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, select

from store.packing import names_of, number_at
from store.tables import agent, layout, snapshot

BEYOND_MEASURE = 1e100  # such numbers measure nothing, and sums of larger ones overflow

Places = Sequence[tuple[str, int]]


def readings_near(
    connection: Connection, metrics: Sequence[str], at_ms: int, width_ms: int
) -> Mapping[str, Mapping[str, float]]:
    """Of every agent the mean of its readings of these metrics from `at_ms` to before `at_ms + width_ms`.

    By agent and then by reading; times are the agents' own clocks. Who sent none of them then is absent.
    """
    query = (
        select(agent.c.agent_id, snapshot.c.layout_no, snapshot.c.numbers)
        .join(agent, agent.c.agent_no == snapshot.c.agent_no)
        .where(snapshot.c.time_ms >= at_ms, snapshot.c.time_ms < at_ms + width_ms)
    )
    rows = connection.execute(query).all()
    places = _places(connection, {row.layout_no for row in rows}, frozenset(metrics))
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for agent_id, layout_no, numbers in rows:
        for name, place in places[layout_no]:
            number = number_at(numbers, place)
            if abs(number) < BEYOND_MEASURE:
                values[agent_id][name].append(number)
    return {
        agent_id: {name: sum(found) / len(found) for name, found in named.items()} for agent_id, named in values.items()
    }


def _places(connection: Connection, layout_nos: set[int], metrics: frozenset[str]) -> dict[int, Places]:
    """Where readings of the metrics stand in snapshots of these layouts."""
    query = select(layout.c.layout_no, layout.c.names).where(layout.c.layout_no.in_(layout_nos))
    return {
        row.layout_no: [
            (name, place) for place, name in enumerate(names_of(row.names)) if name.partition("{")[0] in metrics
        ]
        for row in connection.execute(query)
    }
