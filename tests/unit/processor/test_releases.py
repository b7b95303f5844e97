"""Withheld checks that no record shows any more: their incidents, opened by the clock."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from msgspec import structs

from health.state import State
from knowledge.catalogue import load_catalogue
from knowledge.matcher import Matcher
from processor.check_results import check_place
from processor.decision import Decision, Learnt
from processor.judgement import RemedyFinder
from processor.memory import FleetMemory
from processor.parents import Parents
from processor.releases import Releases
from processor.remedies import Remedies
from processor.rule import Kind
from processor.rule_files import load_rules
from processor.rule_set import Place, RuleSet
from rabbitmq.records import Record
from store.behind import Behind
from store.model import Agent, Batch, Change, Check, CheckKey, FleetState, IncidentChange, Remedy, Step
from store.response import Dependency
from tests.unit.processor.deliveries import decide, delivery, goodbye, snapshot, wall_ms
from tests.unit.processor.rules_of_tests import rule
from tests.unit.processor.test_withholding import BAD, GOOD, Site, behind

NOW_MS = 1_790_000_000_000
BEGAN_MS = NOW_MS - 600_000

RULES = RuleSet(
    [
        rule("load"),
        rule("broken", sentence="{value:%}{nothing.at.all}"),
        rule("full", metric="disk", kind=Kind.FORECAST, sentence="full in {hours:.0f} h"),
    ]
)
REMEDY = Remedy(slug="load", title="Load", confidence="exact", reason="rule", steps=[Step(text="Look.")])
WEB = Agent(agent_id="web", host_name="web-1", first_seen_ms=NOW_MS - 3_600_000, last_seen_ms=NOW_MS, epoch=3, seq=70)
GATEWAY = Agent(agent_id="gateway", first_seen_ms=0, last_seen_ms=NOW_MS)


def bad(place: Place = ("load", ""), agent_id: str = "web", **fields: object) -> Check:
    plain = Check(key=CheckKey(agent_id, *place), state=State.CRITICAL, since_ms=BEGAN_MS, value=99.0)
    return replace(plain, **fields)  # type: ignore[arg-type]


def memory_of(*checks: Check, in_front: Sequence[Check] = (), web: Agent = WEB) -> FleetMemory:
    """The host web behind a gateway; its checks are withheld, those in front are open."""
    memory = FleetMemory(
        FleetState(
            agents={"web": web, "gateway": GATEWAY},
            checks={check.key: check for check in (*checks, *in_front)},
            withheld=[check.key for check in checks],
        )
    )
    memory.parents = Parents(Behind([Dependency(dependency_no=1, agent_id="web", parent_agent_id="gateway")]))
    return memory


def opened(memory: FleetMemory) -> Sequence[IncidentChange]:
    """What the clock opens; memory takes it over."""
    memory.overdue = {"web", "retired long ago"}
    decided = Releases(lambda: RULES).decide(memory, lambda *_: [REMEDY], NOW_MS)
    if decided is None:
        return ()
    memory.apply(decided)
    assert decided.names == {"web": "web-1"}
    return decided.batch.incidents


def test_it_opens_as_it_was_kept_with_remedies_and_since_when_and_once() -> None:
    memory = memory_of(bad())
    [change] = opened(memory)
    assert (change.change, change.severity, change.value) == (Change.OPENED, State.CRITICAL, 99.0)
    assert (change.at_ms, change.epoch, change.seq, change.is_late) == (NOW_MS, 3, 70, False)
    assert change.sentence == (
        "load is 99, limit 10; so since 2026-09-21 14:03:20 UTC, until now behind another trouble"
    )
    assert change.remedies == [REMEDY]
    assert opened(memory) == ()
    assert not memory.waiting


def test_an_active_check_opens_without_what_it_printed() -> None:
    [change] = opened(memory_of(bad(check_place("backup"), state=State.WARNING, value=1.0)))
    assert (change.severity, change.title) == (State.WARNING, "check backup")
    assert change.sentence.startswith("check backup is warning; so since ")


@pytest.mark.parametrize(
    ("place", "state", "sentence"),
    [
        (("full", 'mount="/var"'), State.CRITICAL, "full /var is critical; so since"),
        (("load", ""), State.UNKNOWN, "load is unknown; so since"),
        (("broken", ""), State.CRITICAL, "broken is critical; so since"),
    ],
)
def test_what_the_rules_words_cannot_say_is_said_plainly(place: Place, state: State, sentence: str) -> None:
    [change] = opened(memory_of(bad(place, state=state)))
    assert change.sentence.startswith(sentence)


def test_its_times_are_corrected_by_what_its_clock_is_off() -> None:
    [change] = opened(memory_of(bad(since_ms=BEGAN_MS - 60_000), web=replace(WEB, clock_offset_ms=60_000)))
    assert "so since 2026-09-21 14:03:20 UTC" in change.sentence
    assert change.at_ms == NOW_MS


def test_one_that_flaps_says_so() -> None:
    changes = opened(memory_of(bad(state=State.OK, flapping_since_ms=BEGAN_MS, history=0b1000)))
    assert [change.change for change in changes] == [Change.OPENED, Change.FLAPPING]


def test_nothing_opens_that_is_explained_or_mends_or_has_no_rule_any_more() -> None:
    assert opened(memory_of(bad(), in_front=[bad(agent_id="gateway")])) == ()
    assert opened(memory_of(bad(pending=State.OK, pending_since_ms=NOW_MS))) == ()
    assert opened(memory_of(bad(("gone", "")))) == ()


@pytest.mark.parametrize(
    "last",
    [
        goodbye(3, "web"),
        structs.replace(snapshot(3, "web"), errors={"load": "it did not answer"}),
    ],
)
def test_neither_a_goodbye_nor_a_collector_that_fails_hides_it_for_good(last: Record) -> None:
    site = Site(behind("web", "gateway"))
    site.report(("gateway", BAD), ("web", BAD))
    site.report(("gateway", GOOD))
    decide(site.memory, delivery(last), now_ms=wall_ms(3), rules=RULES)
    assert site.memory.waiting == {"web"}
    site.memory.overdue = {"web"}
    decided = Releases(lambda: RULES).decide(site.memory, lambda *_: (), wall_ms(30))
    assert decided is not None
    [change] = decided.batch.incidents
    assert (change.key, change.change) == (CheckKey("web", "load", ""), Change.OPENED)


def test_nothing_opens_twice_once_a_record_showed_it() -> None:
    memory = memory_of(bad())
    [change] = opened(memory_of(bad()))
    memory.apply(Decision(Batch(incidents=[change]), Learnt()))
    assert opened(memory) == ()


def released_by(find_remedies: RemedyFinder, *checks: Check, rules: RuleSet = RULES) -> dict[Place, IncidentChange]:
    memory = memory_of(*checks)
    memory.overdue = {"web"}
    decided = Releases(lambda: rules).decide(memory, find_remedies, NOW_MS)
    changes = decided.batch.incidents if decided else ()
    return {(change.key.rule, change.key.subject): change for change in changes}


def test_an_unknown_one_opens_with_the_remedies_of_the_real_catalogue() -> None:
    unknown, full = ("cpu-usage", ""), ("disk-usage", 'mount="/var"')
    find_remedies = Remedies(Matcher(load_catalogue().problems))
    found = released_by(find_remedies, bad(unknown, state=State.UNKNOWN), bad(full), rules=RuleSet(load_rules()))
    assert found[unknown].severity is State.UNKNOWN
    assert found[unknown].remedies[0].slug == "rule-fails"
    assert found[full].remedies[0].slug == "disk-full"


def test_one_that_finds_no_remedy_opens_without_and_stops_no_other() -> None:
    def find_remedies(rule_id: str, _severity: State, _labels: Mapping[str, str]) -> Sequence[Remedy]:
        if rule_id == "load":
            raise ValueError("no such thing")
        return [REMEDY]

    found = released_by(find_remedies, bad(), bad(check_place("backup")))
    assert [found["load", ""].remedies, found[check_place("backup")].remedies] == [(), [REMEDY]]


def test_one_that_cannot_be_opened_at_all_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    found = released_by(lambda *_: (), bad(("load", "no labels")), bad(("check", "none")), bad(("broken", "")))
    assert found.keys() == {("broken", "")}
    assert caplog.text.count("cannot be opened; the others are") == 2
