"""A replay of today's rules says what the processor said of the same records, and never looks ahead; for each kind."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from sqlalchemy import Engine

from processor import replayed_fleet
from processor.anomalies import DAY_MS
from processor.evaluators.forecast import Forecast, NoForecast, forecast
from processor.evaluators.robust_slope import Point
from processor.replay import Answer
from store import fence, ingest
from store.engine import open_engine
from store.migrate import migrate
from store.model import HUB, RETIRED, Agent, Batch, KeptSnapshot
from tests.unit.processor.replayed_world import RULES, SINCE_MS, TICK_MS, Outline, World, told

TICKS = 240
Lived = Callable[[str], World]


def stored(folder: Path) -> Engine:
    engine = open_engine(f"sqlite:///{folder / 'store.db'}")
    migrate(engine)
    return engine


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], World]:
    """The same for all who ask; a forecast needs troubles that last."""

    @cache
    def world(kind: str) -> World:
        engine = stored(tmp_path_factory.mktemp("store"))
        slowly = kind == "forecast"
        made = World(engine, RULES[kind], 1, pace=0.1 if slowly else 0.8, shortest=90 if slowly else 10)
        made.live(TICKS)
        engine.dispose()
        return made

    return world


@pytest.mark.parametrize("kind", RULES)
def test_a_replay_of_todays_rules_is_what_the_processor_said(lived: Lived, kind: str) -> None:
    world = lived(kind)
    answer, real = world.replayed(), world.real()
    assert told(answer) == real
    assert real, "the property says something"
    for rule in answer.rules:
        assert rule.sentence == f"the same incidents as with today's rule: {rule.edited_count or 'none'}"
        assert all(one.number for one in rule.edited)


@pytest.mark.parametrize("kind", RULES)
def test_what_came_later_is_not_seen_before(lived: Lived, kind: str, tmp_path: Path) -> None:
    world, half_ms = lived(kind), SINCE_MS + TICKS // 2 * TICK_MS + 1
    assert told(world.replayed(until_ms=half_ms)) == until(half_ms, world.real())
    copy = world.copied(tmp_path / "store.db")
    keep_after(copy.engine, half_ms)
    assert told(copy.replayed(until_ms=half_ms)) == until(half_ms, world.real())


def until(end_ms: int, real: Sequence[Outline]) -> Sequence[Outline]:
    """What there was of them by then."""
    begun = [one for one in real if one[3] < end_ms]
    return sorted(one if one[4] is None or one[4] < end_ms else (*one[:4], None) for one in begun)


def keep_after(engine: Engine, at_ms: int) -> None:
    """From then on, for two days, other readings than there were."""
    wild = {'disk.usage_percent{mount="/"}': 1.0, "load.5m_per_core": 99.0, "net.errors": 1e9}
    taken = [
        KeptSnapshot(agent_id=f"a{host}", epoch=9, seq=seq, wall_ms=later_ms, received_ms=later_ms, readings=wild)
        for host in range(3)
        for seq, later_ms in enumerate(range(at_ms, at_ms + 2 * DAY_MS, 600_000), start=1)
    ]
    ingest.keep_batch(engine, Batch(snapshots=taken), fence.claim(engine, "later", at_ms))


def test_an_edited_forecast_is_told_from_todays_and_computed_once(
    lived: Lived, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, computed = lived("forecast"), list[int]()

    def counted(points: Sequence[Point], full_at: float, window_ms: int) -> Forecast | NoForecast:
        computed.append(len(points))
        return forecast(points, full_at, window_ms)

    monkeypatch.setattr(replayed_fleet, "forecast", counted)
    world.replayed(content=RULES["forecast"].replace("id: disk-soon", "id: other"))
    once = len(computed)
    [same] = world.replayed().rules
    assert len(computed) == 2 * once, "today's rule asked for the same"
    patient = RULES["forecast"].replace("hold_seconds: 60", "hold_seconds: 180")
    [later] = world.replayed(content=patient).rules
    assert later.today_count == same.edited_count
    assert later.edited[0].opened_ms >= same.edited[0].opened_ms + 120_000


def test_a_fleets_rule_sees_the_whole_fleet_whomever_is_asked_for(lived: Lived) -> None:
    world = lived("fleet")
    answer = world.replayed(agent_id="a0")
    real = [one for one in world.real() if one[0] in (HUB, "a0")]
    assert told(answer) == real
    assert answer.agents == 3
    assert any(agent_id == HUB for agent_id, *_ in real)


def test_a_fleets_rule_alone_takes_the_rule_that_it_watches_from_those_in_force(lived: Lived) -> None:
    world = lived("fleet")
    alone = RULES["fleet"].partition("- id: disks\n")
    [shown] = world.replayed(content="".join(alone[1:])).rules
    assert [one.opened_ms for one in shown.edited] == [one[3] for one in world.real() if one[0] == HUB]
    watched = world.replayed(content=RULES["fleet"].replace("above: 85, clear_below: 82", "above: 60, clear_below: 55"))
    earlier, before = watched.rules[1].edited[0].opened_ms, shown.edited[0].opened_ms
    assert earlier < before, "an edited rule is watched as it was edited"


def test_a_cut_between_two_snapshots_is_told(lived: Lived) -> None:
    world = lived("anomaly")
    seconds = iter(range(10_000))
    answer: Answer = world.replayed(clock=lambda: float(next(seconds)), seconds=40.0)
    assert answer.ended == "40 s were over"
    assert SINCE_MS < answer.reached_ms <= SINCE_MS + 40 * TICK_MS
    assert told(answer) == until(answer.reached_ms + 1, world.real())


def test_what_is_remembered_of_the_past_is_bounded(lived: Lived, monkeypatch: pytest.MonkeyPatch) -> None:
    world = lived("anomaly")
    monkeypatch.setattr(replayed_fleet, "MOST_REMEMBERED", 3)
    assert told(world.replayed()) == world.real()


@pytest.mark.parametrize("reason", [RETIRED, None])
def test_a_host_that_people_retired_does_not_count_any_more(tmp_path: Path, reason: str | None) -> None:
    world = World(stored(tmp_path), RULES["fleet"], 0, hosts=0)
    gone_ms, keeping = SINCE_MS + 150_000, fence.claim(world.engine, "here", SINCE_MS)
    for agent_id, end_ms in (("stays", SINCE_MS + 300_000), ("goes", gone_ms)):
        goodbye_ms = gone_ms if agent_id == "goes" and reason else None
        known = Agent(agent_id=agent_id, first_seen_ms=0, last_seen_ms=0, group_name="web", goodbye_ms=goodbye_ms)
        full = {'disk.usage_percent{mount="/"}': 90.0}
        taken = [
            KeptSnapshot(agent_id=agent_id, epoch=1, seq=seq, wall_ms=at_ms, received_ms=at_ms, readings=full)
            for seq, at_ms in enumerate(range(SINCE_MS, end_ms, TICK_MS))
        ]
        ingest.keep_batch(world.engine, Batch(agents=[replace(known, goodbye_reason=reason)], snapshots=taken), keeping)
    [incident] = world.replayed(until_ms=SINCE_MS + 300_000).rules[1].edited
    assert (incident.agent_id, incident.closed_ms is not None) == (HUB, reason == RETIRED)
