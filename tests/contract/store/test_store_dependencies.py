"""Who stands behind whom, and that nobody stands behind himself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from store import fence
from store.dependencies import DependencyCycle, add_dependency, dependencies, path_between, remove_dependency
from store.engine import reading, transaction
from store.ingest import keep_batch
from store.model import HUB
from store.response import Dependency
from tests.contract.store.builders import NOW_MS, agent, batch


def behind(child: str, parent: str, rule: str | None = None, subject: str | None = None) -> Dependency:
    return Dependency(
        dependency_no=0,
        agent_id=child,
        parent_agent_id=parent,
        parent_rule=rule,
        parent_subject=subject,
        reason="one uplink",
        author="ana",
        created_ms=NOW_MS,
    )


@pytest.fixture(autouse=True)
def agents(store_engine: Engine) -> None:
    epoch = fence.claim(store_engine, "processor-1", NOW_MS)
    keep_batch(store_engine, batch(agents=[agent(one) for one in ("web-1", "web-2", "gw-1", "core-1")]), epoch)


def add(engine: Engine, wanted: Dependency) -> Dependency:
    with transaction(engine) as connection:
        return add_dependency(connection, wanted)


def test_dependencies_are_read_as_they_were_written(store_engine: Engine) -> None:
    first = add(store_engine, behind("web-1", "gw-1"))
    second = add(store_engine, behind("web-1", "gw-1", "tcp", 'port="443"'))
    with reading(store_engine) as connection:
        assert dependencies(connection) == [first, second]
    with transaction(store_engine) as connection:
        assert remove_dependency(connection, first.dependency_no) == first
        assert remove_dependency(connection, first.dependency_no) is None
        assert dependencies(connection) == [second]


def test_the_same_twice_is_one(store_engine: Engine) -> None:
    wanted = behind("web-1", "gw-1")
    assert add(store_engine, wanted) == add(store_engine, wanted)
    with reading(store_engine) as connection:
        assert len(dependencies(connection)) == 1


def test_a_cycle_is_refused_with_its_way(store_engine: Engine) -> None:
    add(store_engine, behind("web-1", "gw-1"))
    add(store_engine, behind("web-2", "gw-1"))
    add(store_engine, behind("gw-1", "core-1"))
    with pytest.raises(DependencyCycle) as refused:
        add(store_engine, behind("core-1", "web-1", "cpu"))
    assert refused.value.agent_ids == ("core-1", "web-1", "gw-1", "core-1")
    with pytest.raises(DependencyCycle, match="web-1 -> web-1"):
        add(store_engine, behind("web-1", "web-1"))
    with reading(store_engine) as connection:
        assert len(dependencies(connection)) == 3


@pytest.mark.parametrize("name", ["nobody", HUB])
def test_only_known_agents_depend(store_engine: Engine, name: str) -> None:
    with pytest.raises(ValueError, match="is not known"):
        add(store_engine, behind("web-1", name))
    with pytest.raises(ValueError, match="is not known"):
        add(store_engine, behind(name, "web-1"))


@given(edges=st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=30))
def test_what_is_refused_as_a_cycle_is_the_only_way_to_one(edges: list[tuple[int, int]]) -> None:
    kept: list[Dependency] = []
    for child, parent in edges:
        if not path_between(kept, str(parent), str(child)):
            kept.append(behind(str(child), str(parent)))
    left = {str(number) for number in range(8)}
    while left:  # without a cycle somebody always waits for nobody that is left
        free = {one for one in left if not any(e.agent_id == one and e.parent_agent_id in left for e in kept)}
        assert free
        left -= free
