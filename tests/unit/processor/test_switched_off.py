"""A metric group that people switched off: what was open ends and says so, and nobody waits for its readings."""

import json

from msgspec import structs

from health.state import State
from processor.memory import FleetMemory
from processor.rule import Kind
from processor.rule_set import RuleSet
from rabbitmq.records import Snapshot
from store.model import Change, IncidentChange, errors_in
from tests.unit.processor.deliveries import decide, delivery, empty_memory, hello, readings
from tests.unit.processor.rules_of_tests import rule

DISK = 'disk.usage_percent{mount="/var"}'
RULES = RuleSet(
    [
        rule("disk-usage", "disk.usage_percent"),
        rule("disk-io", "disk.io.busy_percent"),
        rule("disk-missing", "disk.usage_percent", limit=30.0, kind=Kind.ABSENCE),
    ]
)


def without(seq: int, *groups: str, **named: float) -> Snapshot:
    return structs.replace(readings(seq, {"cpu.usage_percent": 1.0, **named}), switched_off=list(groups))


def fed(memory: FleetMemory, *snapshots: Snapshot) -> list[tuple[Change, int, str, str]]:
    changes: list[IncidentChange] = []
    for snapshot in snapshots:
        changes += decide(memory, delivery(snapshot), rules=RULES).batch.incidents
    return [(change.change, change.seq, change.key.rule, change.sentence) for change in changes]


def test_an_open_incident_ends_at_once_and_says_why() -> None:
    memory = empty_memory()
    fed(memory, readings(1, {DISK: 99.0}))
    assert fed(memory, without(2, "disk")) == [
        (
            Change.CLOSED,
            2,
            "disk-usage",
            "mount /var is not measured any more: the metric group disk is switched off",
        )
    ]
    assert memory.checks("web-3") == {}


def test_the_other_groups_go_on() -> None:
    memory = empty_memory()
    busy = {"disk.io.busy_percent": 99.0}
    fed(memory, readings(1, {DISK: 99.0, **busy}))
    assert [(change, rule_id) for change, _, rule_id, _ in fed(memory, without(2, "disk", **busy))] == [
        (Change.CLOSED, "disk-usage")
    ]
    assert [state.state for state in memory.checks("web-3").values()] == [State.CRITICAL]


def test_nobody_waits_for_what_is_switched_off_and_waiting_begins_anew_with_it() -> None:
    memory = empty_memory()
    fed(memory, readings(1, {DISK: 1.0}))
    assert fed(memory, *(without(seq, "disk") for seq in range(2, 40))) == []
    assert fed(memory, *(without(seq) for seq in range(40, 60))) == []
    assert fed(memory, readings(60, {DISK: 1.0})) == []
    assert [(change, seq) for change, seq, _, _ in fed(memory, *(without(seq) for seq in range(61, 75)))] == [
        (Change.OPENED, 67)
    ]


def test_an_absence_that_is_an_incident_ends_with_the_group() -> None:
    memory = empty_memory()
    fed(memory, readings(1, {DISK: 1.0}), *(without(seq) for seq in range(2, 12)))
    [(change, _, rule_id, sentence)] = fed(memory, without(12, "disk"))
    assert (change, rule_id) == (Change.CLOSED, "disk-missing")
    assert sentence == "disk.usage_percent is not measured any more: the metric group disk is switched off"
    assert fed(memory, *(without(seq) for seq in range(13, 30))) == []  # switched on, and not there yet


def test_a_host_that_measures_less_by_choice_is_not_blind() -> None:
    memory = empty_memory()
    [agent] = decide(memory, delivery(readings(1, {DISK: 1.0}), without(2, "disk")), rules=RULES).batch.agents
    assert not agent.is_blind


def test_what_a_host_measures_is_known_from_its_hello_and_kept_with_each_snapshot() -> None:
    said = structs.replace(hello(1), collectors=["cpu", "disk"], collectors_told=True)
    batch = decide(empty_memory(), delivery(said, without(2, "disk")), rules=RULES).batch
    [agent] = batch.agents
    assert (list(agent.collectors), agent.collectors_told) == (["cpu", "disk"], True)
    [kept] = batch.snapshots
    assert json.loads(kept.extra or b"")["switched_off"] == ["disk"]
    assert errors_in(kept.extra) == {}
