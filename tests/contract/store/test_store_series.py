"""Snapshots come back as they were sent, and as series over time."""

import random
from collections.abc import Callable
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from store import fence
from store.agents import get_agent, list_agents
from store.engine import reading
from store.ingest import keep_batch
from store.model import KeptSnapshot
from store.snapshots import Point, history, latest, newest_readings, stored_sequences
from tests.contract.store.builders import NOW_MS, agent, at, batch, snapshot

Keep = Callable[..., None]
_numbers = count()
PROPERTY = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def keep(store_engine: Engine) -> Keep:
    epoch = fence.claim(store_engine, "processor-1", NOW_MS)

    def keep_snapshots(*snapshots: KeptSnapshot) -> None:
        agents = [agent(agent_id) for agent_id in {item.agent_id for item in snapshots}]
        keep_batch(store_engine, batch(agents=agents, snapshots=snapshots), epoch)

    return keep_snapshots


def newest(engine: Engine, kept: KeptSnapshot) -> KeptSnapshot | None:
    with reading(engine) as connection:
        return latest(connection, at(kept))


@given(
    readings=st.dictionaries(
        st.text(st.characters(), max_size=30), st.floats(allow_nan=False, allow_infinity=False), max_size=20
    ),
    seq=st.integers(1, 2**53 - 1),
    wall_ms=st.integers(-(2**63), 2**63 - 1),
    extra=st.none() | st.binary(max_size=50),
)
@PROPERTY
def test_any_snapshot_comes_back_bit_by_bit(
    store_engine: Engine, keep: Keep, readings: dict[str, float], seq: int, wall_ms: int, extra: bytes | None
) -> None:
    sent = snapshot(seq, f"agent-{next(_numbers)}", wall_ms=wall_ms, received_ms=1, readings=readings, extra=extra)
    keep(sent)
    kept = newest(store_engine, sent)
    assert kept == sent
    assert kept is not None
    assert [(name, value.hex()) for name, value in kept.readings.items()] == [
        (name, value.hex()) for name, value in readings.items()
    ]


@given(batches=st.lists(st.lists(st.integers(1, 12), max_size=12), max_size=6), seed=st.integers(0, 2**32))
@PROPERTY
def test_order_and_copies_of_batches_do_not_matter(
    store_engine: Engine, keep: Keep, batches: list[list[int]], seed: int
) -> None:
    agent_id = f"agent-{next(_numbers)}"
    sent = {seq: snapshot(seq, agent_id, readings={f"r{seq % 3}": float(seq)}) for seq in range(1, 13)}
    deliveries = [*batches, *batches]
    random.Random(seed).shuffle(deliveries)
    for seqs in deliveries:
        keep(*(sent[seq] for seq in seqs))
    delivered = sorted({seq for seqs in batches for seq in seqs})
    with reading(store_engine) as connection:
        assert stored_sequences(connection, agent_id) == [(1, seq) for seq in delivered]
    assert [newest(store_engine, sent[seq]) for seq in delivered] == [sent[seq] for seq in delivered]


def test_an_agent_without_snapshots_has_no_latest(store_engine: Engine, keep: Keep) -> None:
    keep(snapshot(1))
    with reading(store_engine) as connection:
        assert latest(connection, agent()) is None
        assert latest(connection, at(snapshot(2))) is None


def test_a_series_has_low_mean_and_high_of_equal_stretches(store_engine: Engine, keep: Keep) -> None:
    keep(*(snapshot(seq) for seq in (1, 2, 3, 4, 6)), snapshot(2, "other", readings={"cpu.usage_percent": 1e9}))
    with reading(store_engine) as connection:
        series = history(connection, "web-1", ["cpu.usage_percent"], NOW_MS, NOW_MS + 30_000, max_points=3)
    assert series == {
        "cpu.usage_percent": [
            Point(time_ms=NOW_MS, min=1.0, avg=1.5, max=2.0, count=2),
            Point(time_ms=NOW_MS + 10_000, min=3.0, avg=3.5, max=4.0, count=2),
            Point(time_ms=NOW_MS + 20_000, min=6.0, avg=6.0, max=6.0, count=1),
        ]
    }


def test_a_series_begins_at_its_start_and_ends_before_its_end(store_engine: Engine, keep: Keep) -> None:
    keep(*(snapshot(seq) for seq in range(1, 6)))
    with reading(store_engine) as connection:
        series = history(connection, "web-1", ["cpu.usage_percent"], NOW_MS + 5_000, NOW_MS + 15_000, max_points=100)
        assert [point.avg for point in series["cpu.usage_percent"]] == [2.0, 3.0]
        assert history(connection, "web-1", ["cpu.usage_percent"], NOW_MS, NOW_MS, max_points=1) == {}


def test_a_metric_means_all_its_readings_and_a_reading_itself(store_engine: Engine, keep: Keep) -> None:
    root, var = 'disk.usage_percent{mount="/"}', 'disk.usage_percent{mount="/var"}'
    keep(
        snapshot(1, readings={root: 1.0, "disk.usage_percentile": 5.0}),
        snapshot(2, readings={"cpu.usage_percent": 7.0, var: 3.0, root: 2.0}),
    )

    def averages(*metrics: str) -> dict[str, list[float]]:
        with reading(store_engine) as connection:
            series = history(connection, "web-1", metrics, NOW_MS, NOW_MS + 60_000, max_points=1000)
        return {name: [point.avg for point in points] for name, points in series.items()}

    assert averages("disk.usage_percent") == {root: [1.0, 2.0], var: [3.0]}
    assert averages(var, "cpu.usage_percent") == {var: [3.0], "cpu.usage_percent": [7.0]}
    assert averages("disk", "nothing") == {}


@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=10))
@PROPERTY
def test_a_mean_lies_between_low_and_high(store_engine: Engine, keep: Keep, values: list[float]) -> None:
    agent_id = f"agent-{next(_numbers)}"
    keep(*(snapshot(seq, agent_id, readings={"r": value}) for seq, value in enumerate(values, 1)))
    with reading(store_engine) as connection:
        [point] = history(connection, agent_id, ["r"], NOW_MS, NOW_MS + 60_000, max_points=1)["r"]
    assert point.min == min(values) <= point.avg <= point.max == max(values)


def test_readings_of_many_agents_are_those_of_their_newest_snapshots(store_engine: Engine) -> None:
    old, new = snapshot(1, readings={"a.b": 1.0}), snapshot(2, readings={'a.b{of="x"}': 2.0, "a.c": 3.0, "d.e": 4.0})
    other = snapshot(1, "web-2", readings={"d.e": 5.0})
    kept = batch(agents=[at(new), at(other), agent("web-3")], snapshots=[old, new, other])
    keep_batch(store_engine, kept, fence.claim(store_engine, "processor-1", NOW_MS))
    with reading(store_engine) as connection:
        found = newest_readings(connection, ["a.b", "a.c"], ["web-1", "web-2", "web-3", "nobody"])
        assert found == {"web-1": {'a.b{of="x"}': 2.0, "a.c": 3.0}}
        assert newest_readings(connection, ["d.e"], ["web-2"]) == {"web-2": {"d.e": 5.0}}
        assert newest_readings(connection, ["d.e"], []) == {}


def test_agents_are_listed_in_pages(store_engine: Engine, keep: Keep) -> None:
    keep(*(snapshot(1, f"agent-{number}") for number in range(5)))
    with reading(store_engine) as connection:
        first = list_agents(connection, after=None, limit=3)
        rest = list_agents(connection, after=first[-1].agent_id, limit=3)
        assert get_agent(connection, "nobody") is None
    assert [item.agent_id for item in first + rest] == [f"agent-{number}" for number in range(5)]
