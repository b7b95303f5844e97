"""Who stands behind whom. What is kept has no cycles: a host that waits for itself would never be heard of."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, delete, insert, select

from store.model import HUB
from store.response import Dependency
from store.response_tables import dependency
from store.tables import agent, fence

_child, _parent = agent.alias("child"), agent.alias("parent")
_COLUMNS = [column for column in dependency.c if column.name not in ("agent_no", "parent_agent_no")]
_QUERY = (
    select(*_COLUMNS, _child.c.agent_id, _parent.c.agent_id.label("parent_agent_id"))
    .join_from(dependency, _child, _child.c.agent_no == dependency.c.agent_no)
    .join(_parent, _parent.c.agent_no == dependency.c.parent_agent_no)
    .order_by(dependency.c.dependency_no)
)


class DependencyCycle(ValueError):
    """`agent_ids` go from the child by way of its parents back to the child."""

    def __init__(self, agent_ids: Sequence[str]) -> None:
        super().__init__(" -> ".join(agent_ids))
        self.agent_ids = tuple(agent_ids)


def dependencies(connection: Connection) -> Sequence[Dependency]:
    """All of them, oldest first."""
    return [Dependency(**row) for row in connection.execute(_QUERY).mappings()]


def add_dependency(connection: Connection, wanted: Dependency) -> Dependency:
    """Keep it under a number of its own; one of the same agents and check that is there already is given back.

    Raises DependencyCycle when the parent stands behind the agent, and ValueError for an agent that is not known.
    """
    connection.execute(select(fence.c.one).with_for_update())  # two that are added at once must not close a cycle
    known = dependencies(connection)
    for kept in known:
        if _what(kept) == _what(wanted):
            return kept
    if cycle := path_between(known, wanted.parent_agent_id, wanted.agent_id):
        raise DependencyCycle((wanted.agent_id, *cycle))
    row = {column.name: getattr(wanted, column.name) for column in _COLUMNS if column.name != "dependency_no"}
    row["agent_no"] = _agent_no(connection, wanted.agent_id)
    row["parent_agent_no"] = _agent_no(connection, wanted.parent_agent_id)
    added = insert(dependency).values(row).returning(dependency.c.dependency_no)
    return replace(wanted, dependency_no=connection.execute(added).scalar_one())


def remove_dependency(connection: Connection, dependency_no: int) -> Dependency | None:
    """Forget it; returns what it was, None when there is no such dependency."""
    row = connection.execute(_QUERY.where(dependency.c.dependency_no == dependency_no)).mappings().first()
    connection.execute(delete(dependency).where(dependency.c.dependency_no == dependency_no))
    return Dependency(**row) if row else None


def path_between(known: Sequence[Dependency], start: str, goal: str) -> Sequence[str]:
    """A way from `start` by parents to `goal`, both included; empty when there is none."""
    parents: dict[str, list[str]] = defaultdict(list)
    for each in known:
        parents[each.agent_id].append(each.parent_agent_id)
    ways: list[tuple[str, ...]] = [(start,)]
    seen = {start}
    for way in ways:  # grows while it is read: breadth first, each agent once
        if way[-1] == goal:
            return way
        fresh = [parent for parent in parents[way[-1]] if parent not in seen]
        seen.update(fresh)
        ways.extend((*way, parent) for parent in fresh)
    return ()


def _what(each: Dependency) -> tuple[str, str, str | None, str | None]:
    return each.agent_id, each.parent_agent_id, each.parent_rule, each.parent_subject


def _agent_no(connection: Connection, agent_id: str) -> int:
    known = (agent.c.agent_id == agent_id) & (agent.c.agent_id != HUB)
    agent_no: int | None = connection.execute(select(agent.c.agent_no).where(known)).scalar()
    if agent_no is None:
        raise ValueError(f"agent {agent_id!r} is not known")
    return agent_no
