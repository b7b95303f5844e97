"""What the rules that go by the clock look at: the fleet, and the readings there were.

The processor looks at the store; a replay at what was known at replayed time.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from sqlalchemy import Connection, Engine

from processor.rule_set import Place
from store.engine import reading
from store.model import Agent, Check
from store.series_of_rules import readings_near
from store.snapshots import newest_readings

Found = Mapping[str, Mapping[str, float]]
"""By agent id and then by reading."""


class Fleet(Protocol):
    """Agents as last seen, by id, and where their checks stand."""

    @property
    def agents(self) -> Mapping[str, Agent]: ...

    def agent(self, agent_id: str) -> Agent | None: ...

    def checks(self, agent_id: str) -> Mapping[Place, Check]: ...


class Past(Protocol):
    """Readings of these metrics; may raise StoreUnavailable."""

    def near(self, metrics: Sequence[str], at_ms: int, width_ms: int) -> Found:
        """The mean of each agent's readings from `at_ms` to before `at_ms + width_ms`."""
        ...

    def newest(self, metrics: Sequence[str], agent_ids: Collection[str]) -> Found:
        """What is in the newest snapshots of these agents."""
        ...


OpenPast = Callable[[], AbstractContextManager[Past]]


class StoredPast:
    """All that is kept."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def near(self, metrics: Sequence[str], at_ms: int, width_ms: int) -> Found:
        return readings_near(self._connection, metrics, at_ms, width_ms)

    def newest(self, metrics: Sequence[str], agent_ids: Collection[str]) -> Found:
        return newest_readings(self._connection, metrics, agent_ids)


def past_in(engine: Engine) -> OpenPast:
    """Each opening is one reading transaction."""

    @contextmanager
    def opened() -> Iterator[Past]:
        with reading(engine) as connection:
            yield StoredPast(connection)

    return opened
