"""Whatever order records come in, however often and in however many batches.

Within a batch, and across batches that keep the order: the same checks, the same incidents. Across batches in any
order: the same records are stored, once each, and the account is the same; checks and incidents are exactly those of
the records in their order without the overtaken ones, which came in a later batch than a higher number of their agent.
These are history: stored, counted and judged by nobody. The newest record is never overtaken, so a check without
patience ends as the newest snapshot leaves it, unless a hello or a goodbye overtook that one: then as the one before,
until the next comes.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from health.machine import Patience
from health.state import State
from processor.memory import FleetMemory
from processor.rule import Kind
from processor.rule_set import Place, RuleSet
from rabbitmq.records import Record, Snapshot
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


def in_any_batches(records: Sequence[Record], chance: random.Random) -> list[list[Record]]:
    """All of them in any order, some several times, cut anywhere."""
    mixed = [*records, *chance.choices(records, k=chance.randint(0, 20))]
    chance.shuffle(mixed)
    cuts = sorted({0, len(mixed), *(chance.randint(0, len(mixed)) for _ in range(chance.randint(0, 12)))})
    return [mixed[start:end] for start, end in pairwise(cuts)]


def not_overtaken(batches: Sequence[Sequence[Record]]) -> list[Record]:
    newest, found = 0, list[Record]()
    for batch in batches:
        fresh = {each.seq: each for each in batch if each.seq > newest}
        found += [fresh[seq] for seq in sorted(fresh)]
        newest = max([newest, *fresh])
    return found


@settings(deadline=None, max_examples=80)
@given(kinds=st.lists(KINDS, min_size=1, max_size=45), chance=st.randoms(use_true_random=False))
def test_across_batches_what_was_overtaken_is_history(kinds: list[str], chance: random.Random) -> None:
    records = [record(seq, kind) for seq, kind in enumerate(kinds, start=1)]
    batches = in_any_batches(records, chance)
    straight, mixed = empty_memory(), empty_memory()
    assert told(batches, mixed) == told([not_overtaken(batches)], straight)
    assert checks_of(mixed) == checks_of(straight)
    assert mixed.recent("web-3") == straight.recent("web-3")


@settings(deadline=None, max_examples=60)
@given(kinds=st.lists(KINDS, min_size=1, max_size=45), chance=st.randoms(use_true_random=False))
def test_across_batches_the_account_is_the_same_and_each_record_is_stored_once(
    kinds: list[str], chance: random.Random
) -> None:
    records = [record(seq, kind) for seq, kind in enumerate(kinds, start=1)]
    batches, memory = in_any_batches(records, chance), empty_memory()
    kept = [decide(memory, *map(delivery, batch), now_ms=NOW_MS).batch for batch in batches]
    stored = [row.seq for batch in kept for row in batch.snapshots] + [row.seq for its in kept for row in its.records]
    assert sorted(stored) == [each.seq for each in records]
    ledger = memory.ledgers("web-3")[1]
    assert (ledger.assigned_seq, ledger.stored, ledger.has_open_gaps) == (len(records), len(records), False)
    assert ledger.duplicates == sum(map(len, batches)) - len(records)


@settings(deadline=None, max_examples=80)
@given(kinds=st.lists(KINDS, min_size=1, max_size=45), chance=st.randoms(use_true_random=False))
def test_a_check_without_patience_ends_as_the_newest_snapshot_leaves_it(
    kinds: list[str], chance: random.Random
) -> None:
    records = [record(seq, kind) for seq, kind in enumerate(kinds, start=1)]
    batches, mixed, newest = in_any_batches(records, chance), empty_memory(), empty_memory()
    last = next((each for each in reversed(records) if isinstance(each, Snapshot) and "load" in each.readings), None)
    if last is None or last not in not_overtaken(batches):
        return
    told(batches, mixed)
    told([[last]], newest)
    now = ("now", "")
    assert state_of(checks_of(mixed).get(now)) == state_of(checks_of(newest).get(now))


def state_of(check: Check | None) -> State:
    return check.state if check is not None else State.OK


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
