"""The rules that look back, turn by turn, over a real store of one file."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from sqlalchemy import Engine

from health.machine import Patience
from health.state import State
from processor.anomalies import DAY_MS, HOUR_MS, moments
from processor.keeper import Bearings, Keeper
from processor.memory import FleetMemory
from processor.observation import Observation
from processor.past import past_in
from processor.periodic_rules import FLEET_EVERY, FORGOTTEN_AFTER_MS, PARTS, PeriodicRules
from processor.rule import Rule
from processor.rule_files import load_rules
from processor.rule_set import RuleSet
from processor.track import stretch_ms
from store import agents, fence, ingest
from store.engine import open_engine, reading
from store.incidents import list_incidents
from store.migrate import migrate
from store.model import HUB, Agent, Batch, Change, CheckKey, IncidentChange, KeptSnapshot
from tests.unit.processor.deliveries import TOKEN, canary, delivery, snapshot, wall_ms

NOW_MS = 1_790_000_000_000 // HOUR_MS * HOUR_MS + 30 * 60_000
DISK = 'disk.usage_percent{mount="/var"}'
LOAD = "load.5m_per_core"
TURN_MS = 5_000


def shipped(*rule_ids: str) -> list[Rule]:
    """Without their patience, so that a test says in turns what it means."""
    return [replace(rule, patience=Patience()) for rule in load_rules() if rule.rule_id in rule_ids]


class Room:
    """A store, the processor's memory of it and the rules, with a clock that goes on by turns."""

    def __init__(self, engine: Engine, rules: list[Rule]) -> None:
        self.engine, self.now_ms, self.rules = engine, NOW_MS, RuleSet(rules)
        self._fence = fence.claim(engine, "here", NOW_MS)
        self._seq = 0
        self.interval_ms = TURN_MS
        self.memory = FleetMemory(self._state())
        self.periodic = PeriodicRules(past_in(engine), lambda: self.rules)

    def _state(self) -> Any:
        with reading(self.engine) as connection:
            return agents.fleet_state(connection)

    def keep(self, at_ms: int, agent_id: str = "a", **readings: float) -> None:
        """A snapshot of the agent at that time; `disk` and `load` are short for their readings."""
        self._seq += 1
        named = {{"disk": DISK, "load": LOAD}.get(name, name): value for name, value in readings.items()}
        snapshot = KeptSnapshot(
            agent_id=agent_id, epoch=1, seq=self._seq, wall_ms=at_ms, received_ms=at_ms, readings=named
        )
        agent = Agent(
            agent_id=agent_id,
            interval_ms=self.interval_ms,
            first_seen_ms=0,
            last_seen_ms=at_ms,
            epoch=1,
            seq=self._seq,
            snapshot_ms=at_ms,
            snapshot_epoch=1,
            snapshot_seq=self._seq,
            snapshot_received_ms=at_ms,
        )
        ingest.keep_batch(self.engine, Batch(agents=[agent], snapshots=[snapshot]), self._fence)

    def turns(self, count: int, read: Callable[[int], dict[str, float]] | None = None) -> list[IncidentChange]:
        """So many turns; with `read` the agent sends a snapshot before each, given the time in ms."""
        changes: list[IncidentChange] = []
        for _ in range(count):
            self.now_ms += TURN_MS
            if read is not None:
                self.keep(self.now_ms, "a", **read(self.now_ms))
            self.memory = FleetMemory(self._state())
            decision = self.periodic.decide(self.memory, lambda *_: (), self.now_ms)
            if decision is not None:
                ingest.keep_batch(self.engine, decision.batch, self._fence)
                changes += decision.batch.incidents
        return changes

    def is_open(self, rule: str, subject: str, agent_id: str = "a") -> bool:
        check = self._state().checks.get(CheckKey(agent_id, rule, subject))
        return check is not None and check.state is not State.OK


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    opened = open_engine(f"sqlite:///{tmp_path / 'store.db'}")
    migrate(opened)
    return opened


def filling(at_ms: int) -> dict[str, float]:
    """2 % per hour, 80 % at NOW_MS."""
    return {"disk": 80 + 2 * (at_ms - NOW_MS) / HOUR_MS}


@pytest.fixture
def filled(engine: Engine) -> Room:
    """An agent whose disk has filled up for a day, just found by a processor that takes over."""
    [rule] = rules = shipped("disk-full-soon")
    room = Room(engine, rules)
    for at_ms in range(NOW_MS - rule.window_ms, NOW_MS, stretch_ms(rule.window_ms)):
        room.keep(at_ms + TURN_MS + 2_000, "a", **filling(at_ms))  # the first turn looks back from TURN_MS later
    return room


def test_the_past_is_read_from_the_store_and_the_present_minute_by_minute(filled: Room) -> None:
    [opened] = filled.turns(3 * PARTS, filling)
    assert (opened.change, opened.severity, opened.key) == (
        Change.OPENED,
        State.WARNING,
        CheckKey("a", "disk-full-soon", 'mount="/var"'),
    )
    assert opened.value == pytest.approx(10, abs=0.2)
    assert opened.sentence == "disk /var will be full in about 10 h, at 2 % per hour"
    assert opened.metric == "disk.usage_percent"


def test_what_was_emptied_closes_within_minutes(filled: Room) -> None:
    filled.turns(3 * PARTS, filling)
    [closed] = filled.turns(12 * PARTS, lambda _: {"disk": 40.0})
    assert closed.change is Change.CLOSED
    assert closed.sentence.startswith("disk /var is not foreseen to fill up now: ")


def test_nothing_moves_while_the_agent_is_silent(filled: Room) -> None:
    filled.turns(3 * PARTS, filling)
    assert filled.turns(3 * PARTS) == []
    filled.now_ms += 2 * DAY_MS  # nobody remembers, and the store has nothing new
    assert filled.turns(3 * PARTS) == []
    assert filled.is_open("disk-full-soon", 'mount="/var"')


def test_an_agent_of_another_group_is_left_alone(filled: Room) -> None:
    filled.rules = RuleSet([replace(rule, groups=frozenset({"web"})) for rule in filled.rules.by_id.values()])
    assert filled.turns(3 * PARTS, filling) == []


def test_each_agent_has_one_turn_a_minute(engine: Engine) -> None:
    room = Room(engine, shipped("disk-full-soon"))
    for place in range(40):
        room.keep(NOW_MS, f"agent-{place}", disk=50.0)
    room.memory = FleetMemory(room._state())
    turns = [[agent.agent_id for agent in _whose_turn(room, turn)] for turn in range(PARTS)]
    assert max(map(len, turns)) < 15, "the load is spread"
    assert sorted(agent_id for turn in turns for agent_id in turn) == sorted(f"agent-{place}" for place in range(40))


def _whose_turn(room: Room, turn: int) -> list[Agent]:
    room.periodic._turn = turn
    return room.periodic._whose_turn(room.memory, NOW_MS)


@pytest.mark.parametrize("other", ["rules", "time"])
def test_other_rules_and_a_long_look_away_begin_anew_with_the_past(filled: Room, other: str) -> None:
    filled.turns(3 * PARTS, filling)
    before = filled.periodic._forecasts
    filled.turns(1, filling)
    assert filled.periodic._forecasts is before
    if other == "rules":
        filled.rules = RuleSet(list(filled.rules.by_id.values()))
    else:
        filled.now_ms += FORGOTTEN_AFTER_MS
    filled.turns(1, filling)
    assert filled.periodic._forecasts is not before
    assert not filled.periodic._forecasts.is_ready


def test_a_number_beyond_measure_stops_nobody(filled: Room) -> None:
    assert filled.turns(3 * PARTS, lambda at_ms: {**filling(at_ms), 'disk.usage_percent{mount="/x"}': 1.7e308})


@pytest.mark.parametrize("name", ['disk.usage_percent{mount="/var', "disk.usage_percent{mount}"])
def test_a_name_that_nobody_can_read_is_left_out_and_stops_nobody(filled: Room, name: str) -> None:
    opened = filled.turns(4 * PARTS, lambda at_ms: {name: 5.0, **filling(at_ms)})
    assert [(change.change, change.key.agent_id) for change in opened] == [(Change.OPENED, "a")]


def test_the_trouble_of_one_agent_ends_nobody_elses_turn(
    filled: Room, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    other = next(name for number in range(1000) if part_of(name := f"b{number}") == part_of("a"))
    looked_at = PeriodicRules._observe_agent

    def failing(self: PeriodicRules, agent: Agent, *told: Any) -> list[Observation]:
        if agent.agent_id == other:
            raise TypeError("what nobody thought of")
        return looked_at(self, agent, *told)

    monkeypatch.setattr(PeriodicRules, "_observe_agent", failing)

    def read(at_ms: int) -> dict[str, float]:
        filled.keep(at_ms, other, disk=5.0)
        return filling(at_ms)

    assert [change.change for change in filled.turns(4 * PARTS, read)] == [Change.OPENED]
    assert [record.message for record in caplog.records if other in record.message] == [
        f"the rules by the clock cannot look at {other}, they look at the others"
    ]


def part_of(agent_id: str) -> int:
    return crc32(agent_id.encode()) % PARTS


def test_what_is_unusual_for_the_hour_is_told_and_ends(engine: Engine) -> None:
    room = Room(engine, shipped("load-unusual"))
    for day in range(9):
        for at_ms in moments(NOW_MS // HOUR_MS * HOUR_MS - day * DAY_MS) if day else []:
            room.keep(at_ms + 1_000, load=0.5)
    assert room.turns(8 * PARTS, lambda _: {"load": 0.5}) == []
    opened, *newer = room.turns(6 * PARTS, lambda _: {"load": 4.0})
    assert opened.sentence.startswith("the load per core is ")
    assert "its usual 0.5 for " in opened.sentence
    assert {change.change for change in newer} == {Change.RESTATED}
    assert newer[-1].sentence.startswith("the load per core is 4, 8.0 times its usual")
    *newer, closed = room.turns(7 * PARTS, lambda _: {"load": 0.5})
    assert (closed.change, {change.change for change in newer}) == (Change.CLOSED, {Change.RESTATED})
    assert room.turns(6 * PARTS, lambda _: {"load": 1.7e308}) == [], "no measurement"
    room.now_ms = (NOW_MS // HOUR_MS + 1) * HOUR_MS
    assert room.turns(11 * PARTS, lambda _: {"load": 4.0}) == [], "of this hour nothing is known"


def test_what_cannot_be_compared_any_more_ends(engine: Engine) -> None:
    room = Room(engine, shipped("load-unusual"))
    for day in range(1, 9):
        for at_ms in moments(NOW_MS // HOUR_MS * HOUR_MS - day * DAY_MS):
            room.keep(at_ms + 1_000, load=0.5)
    [opened] = room.turns(6 * PARTS, lambda _: {"load": 4.0})
    room.interval_ms = 300_000  # its group was told to report seldom
    room.keep(room.now_ms + TURN_MS, load=4.0)
    [closed] = room.turns(PARTS)
    assert (opened.change, closed.change) == (Change.OPENED, Change.CLOSED)
    assert closed.sentence == "the load per core has too little history to compare"


def test_a_forecast_that_raises_turns_its_check_unknown_and_stops_nobody(
    filled: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("processor.evaluators.forecast.without_spikes", _raise)
        [opened] = filled.turns(3 * PARTS, filling)
    assert (opened.change, opened.severity) == (Change.OPENED, State.UNKNOWN)
    assert "cannot be judged here: ArithmeticError: no line. Mend the rule" in opened.sentence
    [healed] = filled.turns(PARTS, filling)
    assert (healed.change, healed.severity) == (Change.WORSENED, State.WARNING)


def test_an_anomaly_that_raises_turns_its_check_unknown(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("processor.anomalies.unusual", _raise)
    [opened] = Room(engine, shipped("load-unusual")).turns(8 * PARTS, lambda _: {"load": 0.5})
    assert opened.severity is State.UNKNOWN


def _raise(*_: object) -> None:
    raise ArithmeticError("no line")


def test_readings_that_are_gone_are_forgotten(filled: Room) -> None:
    filled.turns(3 * PARTS, lambda at_ms: {"disk": 50.0, f'disk.usage_percent{{mount="/{at_ms}"}}': 50.0})
    tracks = filled.periodic._forecasts._tracks["a"]
    assert len(tracks) > 1
    filled.keep(filled.now_ms + 2 * DAY_MS, disk=50.0)
    filled.now_ms += 2 * DAY_MS
    filled.periodic._turn_ms = filled.now_ms
    filled.turns(2 * PARTS, lambda _: {"disk": 50.0})
    assert filled.periodic._forecasts._tracks["a"] is tracks
    assert [reading for _, reading in tracks] == [DISK]


def test_nothing_is_unusual_in_the_first_days(engine: Engine) -> None:
    room = Room(engine, shipped("load-unusual"))
    for day in range(1, 6):
        for at_ms in moments(NOW_MS // HOUR_MS * HOUR_MS - day * DAY_MS):
            room.keep(at_ms + 1_000, load=0.5)
    assert room.turns(10 * PARTS, lambda _: {"load": 4.0}) == []


def test_the_trouble_of_a_fleet_is_kept_as_an_incident_of_the_hub(engine: Engine) -> None:
    rules = RuleSet(shipped("disk-usage", "disks-of-the-fleet"))
    now_ms = wall_ms(3)
    bearings = Bearings("here", TOKEN, lambda: now_ms, lambda: 0)
    keeper = Keeper(engine, rules, lambda *_: [], bearings=bearings, public_url="", send=lambda _: None)
    messages = [delivery(snapshot(3, f"web-{place}", disk=97.0)) for place in range(5)]
    keeper.keep([replace(message, tag=tag) for tag, message in enumerate([canary(0), *messages], start=1)])
    periodic = PeriodicRules(past_in(engine), lambda: rules)
    for _ in range(FLEET_EVERY):
        keeper.keep_timed(periodic.decide)
    with reading(engine) as connection:
        incidents = list_incidents(connection, "open", None, None, 10)
    [fleet] = [incident for incident in incidents if incident.key.agent_id == HUB]
    assert (fleet.key.rule, fleet.severity) == ("disks-of-the-fleet", State.CRITICAL)
    assert fleet.sentence.startswith("5 of 5 hosts of all agents have a disk that is almost full: web-0, ")
