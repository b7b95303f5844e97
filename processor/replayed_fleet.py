"""The fleet at replayed time: agents as they were then, their newest readings then, and the history before.

Each snapshot counts as if it had arrived at its own time.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from sqlalchemy import Connection

from processor.evaluators.forecast import Forecast, NoForecast, forecast
from processor.evaluators.robust_slope import Point
from processor.forecasts import Foretell
from processor.past import Found
from store.model import Agent, KeptSnapshot
from store.replays import Announcement, oldest_snapshot_ms
from store.series_of_rules import readings_near

MOST_REMEMBERED = 150_000  # readings of single moments, about 200 bytes each
MOST_FORETOLD = 512  # about 20 KiB each


Near = Callable[[Sequence[str], int, int], Found]
"""As `Past.near`."""


class ReplayedFleet:
    """Begins with those of the agents that were known at `since_ms`; they are given as they are today."""

    def __init__(self, agents: Iterable[Agent], since_ms: int, near: Near) -> None:
        self._today = {agent.agent_id: agent for agent in agents}
        self.agents: dict[str, Agent] = {
            agent_id: _unheard(agent) for agent_id, agent in self._today.items() if agent.first_seen_ms < since_ms
        }
        self._readings: dict[str, Mapping[str, float]] = {}
        self.near = near
        self.foretell = _remembering_forecast()

    def group(self, agent_id: str) -> str:
        """The group that the agent was in."""
        return (self.agents.get(agent_id) or self._today[agent_id]).group_name

    def take(self, snapshot: KeptSnapshot, interval_ms: int) -> None:
        known = self.agents.get(snapshot.agent_id) or self._today[snapshot.agent_id]
        self._readings[snapshot.agent_id] = snapshot.readings
        self.agents[snapshot.agent_id] = Agent(
            agent_id=snapshot.agent_id,
            host_name=known.host_name,
            group_name=known.group_name,
            interval_ms=interval_ms,
            first_seen_ms=known.first_seen_ms,
            last_seen_ms=snapshot.wall_ms,
            epoch=snapshot.epoch,
            seq=snapshot.seq,
            snapshot_ms=snapshot.wall_ms,
            snapshot_epoch=snapshot.epoch,
            snapshot_seq=snapshot.seq,
            snapshot_received_ms=snapshot.wall_ms,
        )

    def hear(self, announcement: Announcement) -> None:
        wall_ms, agent_id = announcement.wall_ms, announcement.agent_id
        known = self.agents.get(agent_id) or _unheard(self._today[agent_id])
        if announcement.group is None:
            self.agents[agent_id] = replace(known, last_seen_ms=wall_ms, goodbye_ms=wall_ms)
        else:
            self.agents[agent_id] = replace(known, last_seen_ms=wall_ms, goodbye_ms=None, group_name=announcement.group)

    def newest(self, metrics: Sequence[str], agent_ids: Collection[str]) -> Found:
        wanted = frozenset(metrics)
        found = {
            agent_id: {
                name: value for name, value in self._readings[agent_id].items() if name.partition("{")[0] in wanted
            }
            for agent_id in agent_ids
            if agent_id in self._readings
        }
        return {agent_id: readings for agent_id, readings in found.items() if readings}


class Moments:
    """Kept readings of these agents near moments of the past.

    Those asked for last are remembered: two rehearsals ask, and each hour asks for the same hour of the days before.
    """

    def __init__(self, connection: Connection, agent_ids: Iterable[str]) -> None:
        self._connection, self._agent_ids = connection, frozenset(agent_ids)
        self._oldest_ms = oldest_snapshot_ms(connection)
        self._known: OrderedDict[tuple[int, int, tuple[str, ...]], Found] = OrderedDict()
        self._size = 0

    def near(self, metrics: Sequence[str], at_ms: int, width_ms: int) -> Found:
        """As `Past.near`."""
        if self._oldest_ms is None or at_ms + width_ms <= self._oldest_ms:
            return {}
        key = at_ms, width_ms, tuple(metrics)
        if key in self._known:
            self._known.move_to_end(key)
            return self._known[key]
        every = readings_near(self._connection, metrics, at_ms, width_ms)
        found = {agent_id: readings for agent_id, readings in every.items() if agent_id in self._agent_ids}
        self._known[key] = found
        self._size += _size(found)
        while self._size > MOST_REMEMBERED:
            self._size -= _size(self._known.popitem(last=False)[1])
        return found


def _remembering_forecast() -> Foretell:
    """The same evaluator; of the same points, as two versions of a rule mostly have them, it computes once."""

    @lru_cache(maxsize=MOST_FORETOLD)
    def foretold(points: tuple[Point, ...], full_at: float, window_ms: int) -> Forecast | NoForecast:
        return forecast(points, full_at, window_ms)

    return lambda points, full_at, window_ms: foretold(tuple(points), full_at, window_ms)


def _size(found: Found) -> int:
    return 1 + sum(1 + len(readings) for readings in found.values())


def _unheard(agent: Agent) -> Agent:
    return replace(agent, last_seen_ms=0, goodbye_ms=None, snapshot_ms=None, snapshot_received_ms=None)
