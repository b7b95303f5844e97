"""Whatever order records come in, however often and in however many batches: the same checks, the same incidents."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from health.machine import Patience
from processor.memory import FleetMemory
from processor.rule import Kind
from processor.rule_set import Place, RuleSet
from rabbitmq.records import Record
from store.model import Check, IncidentChange
from tests.unit.processor.deliveries import decide, delivery, empty_memory, goodbye, hello, readings
from tests.unit.processor.rules_of_tests import falling, rule
from tests.unit.processor.test_check_results import seen

RULES = RuleSet(
    [
        rule("now", "load"),
        rule("patient", "load", patience=Patience(attempts=3, clear_attempts=2)),
        rule("held", "load", patience=Patience(hold_ms=12_000, clear_hold_ms=8_000)),
        falling("low", "load", limit=2.0),
        rule("rising", "load", limit=1.0, kind=Kind.RATE, window_ms=30_000),
        rule("gone", "load", limit=12.0, kind=Kind.ABSENCE),
        rule("web-only", "load", limit=50.0, groups=frozenset({"web"})),
    ]
)
NOW_MS = 1_790_000_600_000
KINDS = st.sampled_from(["low", "high", "middle", "higher", "missing", "good", "bad", "unknown", "hello", "web", "bye"])


def record(seq: int, kind: str) -> Record:
    match kind:
        case "hello" | "web":
            return structs.replace(hello(seq), group="web" if kind == "web" else "", checks=["web"])
        case "bye":
            return goodbye(seq)
        case "good" | "bad" | "unknown":
            state = {"good": "ok", "bad": "critical", "unknown": "unknown"}[kind]
            return structs.replace(readings(seq, {"load": 7.0}), checks=[seen(state, seq, attempts=2)])
        case "missing":
            return readings(seq, {"other": 1.0})
    return readings(seq, {"load": {"low": 1.0, "middle": 7.0, "high": 30.0, "higher": 99.0}[kind]})


def told(batches: Sequence[Sequence[Record]], memory: FleetMemory) -> list[IncidentChange]:
    """What happened to incidents, without what depends on when a record was received."""
    changes = [
        change
        for batch in batches
        for change in decide(memory, *[delivery(each) for each in batch], now_ms=NOW_MS).batch.incidents
    ]
    return [replace(change, received_ms=0) for change in changes if change.key.rule != "clock-skew"]


def checks_of(memory: FleetMemory) -> Mapping[Place, Check]:
    return memory.checks("web-3")


@settings(deadline=None, max_examples=60)
@given(kinds=st.lists(KINDS, min_size=1, max_size=45), order=st.randoms(use_true_random=False))
def test_any_permutation_and_copies_within_a_batch(kinds: list[str], order: random.Random) -> None:
    records = [record(seq, kind) for seq, kind in enumerate(kinds, start=1)]
    straight, shuffled = empty_memory(), empty_memory()
    expected = told([records], straight)
    mixed = [*records, *order.choices(records, k=order.randint(0, 20))]
    order.shuffle(mixed)
    assert told([mixed], shuffled) == expected
    assert checks_of(shuffled) == checks_of(straight)
    assert shuffled.recent("web-3") == straight.recent("web-3")


@settings(deadline=None, max_examples=60)
@given(kinds=st.lists(KINDS, min_size=1, max_size=45), cuts=st.randoms(use_true_random=False))
def test_any_cut_of_the_ordered_records_into_batches(kinds: list[str], cuts: random.Random) -> None:
    records = [record(seq, kind) for seq, kind in enumerate(kinds, start=1)]
    whole, pieces = empty_memory(), empty_memory()
    expected = told([records], whole)
    batches, rest = [], records
    while rest:
        size = cuts.randint(1, 6)
        batches.append(cuts.sample(rest[:size], k=min(size, len(rest))))
        rest = rest[size:]
    assert told(batches, pieces) == expected
    assert checks_of(pieces) == checks_of(whole)


@settings(deadline=None, max_examples=40)
@given(kinds=st.lists(KINDS, min_size=1, max_size=45))
def test_an_incident_is_open_when_its_check_is_in_trouble_or_flaps(kinds: list[str]) -> None:
    memory, is_open = empty_memory(), set[Place]()
    for seq, kind in enumerate(kinds, start=1):
        for change in told([[record(seq, kind)]], memory):
            place = (change.key.rule, change.key.subject)
            assert (change.change == "opened") == (place not in is_open)
            is_open = is_open - {place} if change.change == "closed" else is_open | {place}
        assert is_open == {
            place
            for place, check in checks_of(memory).items()
            if check.state != "ok" or check.flapping_since_ms is not None
        }
