"""An open incident says the value of now, as news to nobody: once a minute at most, and when it moved by enough."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from msgspec import structs
from sqlalchemy import Engine

from health.machine import Reason
from health.state import State
from processor.judgement import MEANINGFUL_SHARE, RESTATED_AFTER_MS
from processor.memory import FleetMemory
from processor.rule_set import RuleSet
from store import fence, ingest
from store.agents import fleet_state
from store.engine import open_engine, reading
from store.incidents import get_incident
from store.migrate import migrate
from store.model import Change, IncidentChange
from tests.unit.processor.deliveries import canary, decide, delivery, empty_memory, readings, wall_ms
from tests.unit.processor.rules_of_tests import rule
from tests.unit.processor.test_check_results import seen

LIMIT = 90.0
RULES = RuleSet([rule("disk", "load", LIMIT)])
A_MINUTE = RESTATED_AFTER_MS // 5_000  # in records


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    opened = open_engine(f"sqlite:///{tmp_path / 'store.db'}")
    migrate(opened)
    return opened


def fed(memory: FleetMemory, values: Iterable[float], first_seq: int = 1, waited: float = 0.0) -> list[IncidentChange]:
    found: list[IncidentChange] = []
    for seq, value in enumerate(values, start=first_seq):
        one = delivery(readings(seq, {"load": value}), waited_seconds=waited)
        found += decide(memory, one, rules=RULES).batch.incidents
    return [change for change in found if change.key.rule == "disk"]


def test_the_value_of_now_is_said_a_minute_after_the_one_before() -> None:
    memory = empty_memory()
    opened, *newer = fed(memory, [95.1] + [99.9] * 3 * A_MINUTE)
    assert (opened.change, opened.sentence) == (Change.OPENED, "load is 95.1, limit 90")
    [restated] = newer
    assert (restated.change, restated.sentence, restated.value) == (Change.RESTATED, "load is 99.9, limit 90", 99.9)
    assert restated.at_ms - opened.at_ms == RESTATED_AFTER_MS
    [check] = memory.checks("web-3").values()
    assert (check.value, check.since_ms) == (99.9, wall_ms(1)), "it is critical for as long as before"


def test_a_value_that_keeps_moving_is_said_once_a_minute() -> None:
    rising = [100.0 + number for number in range(10 * A_MINUTE + 1)]
    _, *newer = fed(empty_memory(), rising)
    assert [change.at_ms for change in newer] == [wall_ms(1 + turn * A_MINUTE) for turn in range(1, 11)]


@pytest.mark.parametrize(("share", "said"), [(0.9, 0), (1.1, 1)])
def test_a_value_that_trembles_is_none_of_news(share: float, said: int) -> None:
    told = 95.0
    moved = told + share * MEANINGFUL_SHARE * told
    _, *newer = fed(empty_memory(), [told] + [moved] * 3 * A_MINUTE)
    assert len(newer) == said


def test_what_is_better_already_and_what_is_late_say_nothing_new() -> None:
    memory = empty_memory()
    fed(memory, [95.0] * 2)
    [eased] = fed(memory, [60.0] * 2 * A_MINUTE, first_seq=3)
    assert eased.sentence == "load is 60, limit 90", "above its clear level"
    assert fed(memory, [99.0] * 2 * A_MINUTE, first_seq=100, waited=3_600.0) == []
    assert [change.change for change in fed(memory, [1.0], first_seq=200)] == [Change.CLOSED]


def test_an_active_check_says_what_it_printed_last() -> None:
    memory = empty_memory()
    printed = ["CRITICAL - 3 % free"] * 14 + ["CRITICAL - 0 % free"] * 14
    changes = [
        change
        for seq, line in enumerate(printed, start=1)
        for change in decide(
            memory,
            delivery(structs.replace(readings(seq, {}), checks=[structs.replace(seen("critical", seq), output=line)])),
        ).batch.incidents
    ]
    assert [(change.change, change.sentence) for change in changes] == [
        (Change.OPENED, "web: CRITICAL - 3 % free"),
        (Change.RESTATED, "web: CRITICAL - 0 % free"),
    ]


def test_what_was_said_before_a_takeover_is_not_said_again(engine: Engine) -> None:
    keeping, memory, said = fence.claim(engine, "here", 1), empty_memory(), list[Change]()
    for seq in (1, 2 * A_MINUTE):
        critical = structs.replace(readings(seq, {}), checks=[seen("critical", seq)])
        decision = decide(memory, delivery(critical))
        ingest.keep_batch(engine, decision.batch, keeping)
        said += [change.change for change in decision.batch.incidents]
        with reading(engine) as connection:
            memory = FleetMemory(fleet_state(connection))
        decide(memory, canary(0))
    assert said == [Change.OPENED]


def test_hard_changes_name_the_reason_of_the_step() -> None:
    memory = empty_memory()
    changes = fed(memory, [95.0, *[99.0] * A_MINUTE, 1.0])
    assert [(change.change, change.reason) for change in changes] == [
        (Change.OPENED, Reason.CONFIRMED),
        (Change.RESTATED, None),
        (Change.CLOSED, Reason.RECOVERED),
    ]


def test_the_page_says_the_newest_value_and_the_timeline_the_first_also_after_a_takeover(engine: Engine) -> None:
    keeping, memory = fence.claim(engine, "here", 1), empty_memory()
    for seq in range(1, 4 * A_MINUTE):
        if seq % A_MINUTE == 3:
            with reading(engine) as connection:
                memory = FleetMemory(fleet_state(connection))
            decide(memory, canary(0))
        decision = decide(memory, delivery(readings(seq, {"load": 95.0 if seq == 1 else 99.0})), rules=RULES)
        ingest.keep_batch(engine, decision.batch, keeping)
    with reading(engine) as connection:
        kept = get_incident(connection, 1)
    assert kept is not None
    assert (kept.sentence, kept.value, kept.updated_ms) == ("load is 99, limit 90", 99.0, wall_ms(1 + A_MINUTE))
    [only] = kept.timeline
    assert (only.change, only.value, only.severity, only.reason) == (
        Change.OPENED,
        95.0,
        State.CRITICAL,
        "confirmed",
    )
