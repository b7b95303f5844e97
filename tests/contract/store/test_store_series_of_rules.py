"""The readings near a moment of the past, of all agents at once."""

from sqlalchemy import Engine

from store import fence, ingest
from store.engine import reading
from store.model import Agent, Batch, KeptSnapshot
from store.series_of_rules import BEYOND_MEASURE, readings_near


def snapshot(agent_id: str, at_ms: int, **readings: float) -> KeptSnapshot:
    named = {name.replace("__", "."): value for name, value in readings.items()}
    return KeptSnapshot(agent_id=agent_id, epoch=1, seq=at_ms, wall_ms=at_ms, received_ms=at_ms, readings=named)


def test_the_mean_of_each_agent_s_readings_from_the_moment_to_before_its_end(store_engine: Engine) -> None:
    here = fence.claim(store_engine, "here", 1)
    agents = [Agent(agent_id=name, first_seen_ms=0, last_seen_ms=0) for name in ("a", "b", "c")]
    snapshots = [
        snapshot("a", 999, x__y=100),
        snapshot("a", 1000, x__y=1, z__z=5),
        snapshot("a", 1999, x__y=3),
        snapshot("a", 2000, x__y=100),
        snapshot("b", 1500, q__q=1, x__y=7, x__yy=8),
        snapshot("c", 1500, q__q=1),
    ]
    ingest.keep_batch(store_engine, Batch(agents=agents, snapshots=snapshots), here)
    with reading(store_engine) as connection:
        assert readings_near(connection, ["x.y"], 1000, 1000) == {"a": {"x.y": 2.0}, "b": {"x.y": 7.0}}
        assert readings_near(connection, ["x.y"], 5000, 1000) == {}


def test_labels_belong_to_the_metric_and_numbers_beyond_measure_to_nobody(store_engine: Engine) -> None:
    here = fence.claim(store_engine, "here", 1)
    values = {'d.u{m="/"}': 1.0, 'd.u{m="/var"}': BEYOND_MEASURE, "d.u_other": 2.0}
    kept = KeptSnapshot(agent_id="a", epoch=1, seq=1, wall_ms=10, received_ms=10, readings=values)
    agent = Agent(agent_id="a", first_seen_ms=0, last_seen_ms=0)
    ingest.keep_batch(store_engine, Batch(agents=[agent], snapshots=[kept]), here)
    with reading(store_engine) as connection:
        assert readings_near(connection, ["d.u"], 0, 100) == {"a": {'d.u{m="/"}': 1.0}}
