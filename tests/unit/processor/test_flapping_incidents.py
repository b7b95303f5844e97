"""A check that changes too often is told of once."""

from collections.abc import Iterable

from health.machine import Patience
from health.state import State
from processor.memory import FleetMemory
from processor.rule_set import RuleSet
from store.model import Change, FleetState, IncidentChange
from tests.unit.processor.deliveries import canary, decide, delivery, empty_memory, readings
from tests.unit.processor.rules_of_tests import rule

RULES = RuleSet([rule()])
BAD, GOOD = 99.0, 1.0


def fed(
    memory: FleetMemory, values: Iterable[float], first_seq: int = 1, rules: RuleSet = RULES
) -> list[IncidentChange]:
    return [
        change
        for seq, value in enumerate(values, start=first_seq)
        for change in decide(memory, delivery(readings(seq, {"load": value})), rules=rules).batch.incidents
    ]


def kinds(changes: list[IncidentChange]) -> list[Change]:
    return [change.change for change in changes]


def test_flapping_is_told_once_and_ends_with_the_incident() -> None:
    memory = empty_memory()
    flapping = fed(memory, [BAD, GOOD] * 15)
    assert kinds(flapping) == [
        Change.OPENED,
        Change.CLOSED,
        Change.OPENED,
        Change.CLOSED,
        Change.OPENED,
        Change.FLAPPING,
    ]
    assert flapping[-1].sentence == "load is 1, limit 10; it changed 6 times in the last 21 readings"
    assert flapping[-1].severity is State.CRITICAL
    calm = fed(memory, [GOOD] * 40, first_seq=31)
    assert kinds(calm) == [Change.SETTLED, Change.CLOSED]
    assert {change.severity for change in calm} == {State.CRITICAL}
    assert calm[0].sentence == "load is 1, limit 10"
    assert memory.checks("web-3") == {}


def test_one_that_settles_in_trouble_keeps_its_incident() -> None:
    memory = empty_memory()
    fed(memory, [BAD, GOOD] * 15)
    settled = fed(memory, [BAD] * 40, first_seq=31)
    assert kinds(settled) == [Change.SETTLED]
    assert settled[0].severity is State.CRITICAL
    assert kinds(fed(memory, [GOOD] * 3, first_seq=71)) == [Change.CLOSED]


def test_one_that_begins_to_flap_while_it_is_ok_opens_an_incident_at_its_worst() -> None:
    memory = empty_memory()
    patient = RuleSet([rule(patience=Patience(attempts=3))])
    changes = fed(memory, [BAD, GOOD] * 15, rules=patient)
    assert [(change.change, change.seq, change.severity) for change in changes] == [
        (Change.OPENED, 6, State.CRITICAL),
        (Change.FLAPPING, 6, State.CRITICAL),
    ]
    assert [check.state for check in memory.checks("web-3").values()] == [State.OK]
    assert kinds(fed(memory, [GOOD] * 40, first_seq=31, rules=patient)) == [Change.SETTLED, Change.CLOSED]


def test_a_rule_that_is_gone_ends_flapping_too() -> None:
    memory = empty_memory()
    fed(memory, [BAD, GOOD] * 15)
    gone = decide(memory, delivery(readings(31, {"load": GOOD})), rules=RuleSet([])).batch.incidents
    assert kinds(list(gone)) == [Change.SETTLED, Change.CLOSED]
    assert memory.checks("web-3") == {}


def test_a_metric_that_is_gone_ends_flapping_after_a_minute() -> None:
    memory = empty_memory()
    fed(memory, [BAD, GOOD] * 15)
    gone = [
        change
        for seq in range(31, 50)
        for change in decide(memory, delivery(readings(seq, {"other": 1.0})), rules=RULES).batch.incidents
    ]
    assert [(change.change, change.seq) for change in gone] == [(Change.SETTLED, 43), (Change.CLOSED, 43)]


def test_flapping_goes_on_in_the_next_processor() -> None:
    memory = empty_memory()
    fed(memory, [BAD, GOOD] * 15)
    agent = memory.agent("web-3")
    assert agent is not None
    checks = {check.key: check for check in memory.checks("web-3").values()}
    restored = FleetMemory(FleetState(agents={"web-3": agent}, checks=checks))
    decide(restored, canary(0))
    assert fed(restored, [BAD, GOOD] * 5, first_seq=31) == []


def test_what_was_well_and_is_gone_is_forgotten_with_its_history() -> None:
    memory = empty_memory()
    fed(memory, [BAD, GOOD])
    assert memory.checks("web-3")
    decide(memory, delivery(readings(3, {"other": 1.0})), rules=RULES)
    assert memory.checks("web-3") == {}
