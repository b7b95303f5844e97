"""Hosts behind hosts: what the trouble in front explains opens no incident, and opens one once nothing explains it."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from health.state import State
from processor.decision import Decision, Learnt
from processor.findings import OWN_RULES, SILENCE_RULES
from processor.judgement import is_open
from processor.memory import FleetMemory
from processor.observation import Observation
from processor.parents import Parents
from processor.periodic_rules import decide_observed
from processor.rule_set import RuleSet
from processor.withholding import without_explained
from rabbitmq.records import Snapshot
from store.behind import ABOUT_RECORDS, Behind
from store.model import Batch, Change, CheckKey, FleetState, IncidentChange
from store.response import Dependency, Mute
from tests.unit.processor.deliveries import decide, delivery, empty_memory, snapshot, wall_ms
from tests.unit.processor.rules_of_tests import rule
from tests.unit.processor.test_check_results import seen

RULES = RuleSet([rule("load"), rule("heat", metric="heat")])
BAD, GOOD = 99.0, 1.0
LATE_MS = 3_600_000


def behind(child: str, parent: str, rule_id: str | None = None) -> Dependency:
    return Dependency(dependency_no=1, agent_id=child, parent_agent_id=parent, parent_rule=rule_id)


class Site:
    """Hosts behind hosts; keeps what is decided as the store does: only an open incident changes, at most one is."""

    def __init__(self, *dependencies: Dependency, mutes: Sequence[Mute] = ()) -> None:
        self.memory, self.seq = empty_memory(), 0
        self.memory.parents = Parents(Behind(dependencies), mutes)
        self.open: dict[CheckKey, IncidentChange] = {}
        self.changes: list[IncidentChange] = []

    def report(self, *loads: tuple[str, float], late: bool = False) -> None:
        """One batch with a record of each of these hosts, in this order."""
        self.seq += 1
        self.take([snapshot(self.seq, agent_id, load=load) for agent_id, load in loads], late=late)

    def take(self, records: Iterable[Snapshot], *, late: bool = False) -> None:
        now_ms = wall_ms(self.seq) + (LATE_MS if late else 0)
        sent = [delivery(record, waited_seconds=LATE_MS / 1000 if late else 0.0) for record in records]
        self.follow(decide(self.memory, *sent, now_ms=now_ms, rules=RULES).batch.incidents)

    def follow(self, changes: Iterable[IncidentChange]) -> None:
        for change in changes:
            if change.key.rule == "clock-skew":
                continue
            self.changes.append(change)
            assert (change.change is Change.OPENED) == (change.key not in self.open), change
            self.open[change.key] = change
            if change.change is Change.CLOSED:
                del self.open[change.key]

    def restart(self) -> None:
        """Another processor takes over what the store has."""
        agents = self.memory.agents
        checks = {
            check.key: check
            for agent_id in agents
            for check in (*self.memory.checks(agent_id).values(), *self.memory.findings(agent_id).values())
        }
        in_trouble = {key for key, check in checks.items() if is_open(check)}
        parents, canary_ms = self.memory.parents, self.memory.canary_monotonic_ms
        self.memory = FleetMemory(FleetState(agents=agents, checks=checks, withheld=in_trouble - self.open.keys()))
        self.memory.parents, self.memory.canary_monotonic_ms = parents, canary_ms

    @property
    def hosts(self) -> set[str]:
        return {key.agent_id for key in self.open}


def test_a_host_behind_one_that_is_down_opens_nothing_until_that_is_well_again() -> None:
    site = Site(behind("web", "gateway"))
    site.report(("gateway", BAD), ("web", GOOD))
    site.report(("gateway", BAD), ("web", BAD))
    site.report(("web", BAD))
    assert site.hosts == {"gateway"}
    assert site.memory.checks("web")["load", ""].state is State.CRITICAL
    site.report(("gateway", GOOD))
    assert site.hosts == set()
    site.report(("web", BAD))
    [opened] = site.open.values()
    assert opened.sentence == (
        "load is 99, limit 10; so since 2026-09-21 14:13:30 UTC, until now behind another trouble"
    )
    site.report(("web", GOOD))
    assert site.hosts == set()


def test_one_that_is_well_again_before_anybody_heard_says_nothing() -> None:
    site = Site(behind("web", "gateway"))
    site.report(("gateway", BAD))
    site.report(("web", BAD))
    site.report(("web", GOOD))
    site.report(("gateway", GOOD), ("web", GOOD))
    assert {change.key.agent_id for change in site.changes} == {"gateway"}
    assert not site.memory.may_withhold or site.memory.withheld("web") == frozenset()


def test_what_ends_together_with_what_explained_it_does_not_flash_up() -> None:
    site = Site(behind("web", "gateway"))
    site.report(("gateway", BAD), ("web", BAD))
    site.seq = 3
    site.take([snapshot(2, "web", load=BAD), snapshot(3, "web", load=GOOD), snapshot(3, "gateway", load=GOOD)])
    assert {change.key.agent_id for change in site.changes} == {"gateway"}


def test_what_was_open_before_stays_goes_on_and_ends() -> None:
    site = Site(behind("web", "gateway"))
    site.report(("web", BAD))
    site.report(("gateway", BAD), ("web", BAD))
    assert site.hosts == {"gateway", "web"}
    site.report(("web", GOOD))
    assert site.hosts == {"gateway"}
    site.report(("web", BAD))
    assert site.hosts == {"gateway"}  # it opens no second one


@pytest.mark.parametrize("order", [1, -1])
def test_both_in_one_batch_in_either_order(order: int) -> None:
    site = Site(behind("web", "gateway"))
    site.report(*[("gateway", BAD), ("web", BAD)][::order])
    assert site.hosts == {"gateway"}
    site.report(*[("gateway", GOOD), ("web", BAD)][::order])
    assert site.hosts == {"web"}


@pytest.mark.parametrize("order", [1, -1])
def test_a_chain_is_one_trouble(order: int) -> None:
    chain = [("c", BAD), ("b", BAD), ("a", BAD)]
    site = Site(behind("a", "b"), behind("b", "c"))
    site.report(*chain[::order])
    assert site.hosts == {"c"}
    site.report(*[("c", GOOD), ("b", BAD), ("a", BAD)][::order])
    assert site.hosts == {"b"}
    site.report(*[("b", GOOD), ("a", BAD)][::order])
    assert site.hosts == {"a"}


def test_who_sends_first_of_a_chain_whose_end_is_well_again_waits_for_what_stands_before_it() -> None:
    site = Site(behind("a", "b"), behind("b", "c"))
    site.report(("c", BAD), ("b", BAD), ("a", BAD))
    site.report(("c", GOOD))
    site.report(("a", BAD))
    assert site.hosts == set()
    site.report(("b", BAD))
    site.report(("a", BAD))
    assert site.hosts == {"b"}


def test_a_check_that_is_overdue_and_has_not_opened_hides_nobody() -> None:
    site = Site(behind("a", "b"), behind("b", "c"))
    site.report(("c", BAD), ("b", BAD), ("a", BAD))
    site.report(("c", GOOD))
    site.memory.overdue = {"a", "b"}
    site.report(("a", BAD))
    assert site.hosts == {"a"}
    site.report(("b", BAD))
    assert site.hosts == {"a", "b"}


@pytest.mark.parametrize("order", [1, -1])
def test_one_that_is_overdue_and_opens_now_hides_who_is_behind_it(order: int) -> None:
    site = Site(behind("a", "b"), behind("b", "c"))
    site.report(("c", BAD), ("b", BAD), ("a", BAD))
    site.report(("c", GOOD))
    site.memory.overdue = {"a", "b"}
    site.report(*[("a", BAD), ("b", BAD)][::order])
    assert site.hosts == {"b"}


@pytest.mark.parametrize("since_ms", [2**53 - 1, wall_ms(-400), wall_ms(10)])
def test_a_time_that_cannot_be_is_left_out(since_ms: int) -> None:
    """The agent's clock was stepped while the check was withheld."""
    site = Site(behind("web", "gateway"))
    site.report(("gateway", BAD), ("web", BAD))
    site.memory.apply(
        Decision(Batch(checks=[replace(site.memory.checks("web")["load", ""], since_ms=since_ms)]), Learnt())
    )
    site.report(("gateway", GOOD), ("web", BAD))
    [opened] = site.open.values()
    assert opened.sentence == "load is 99, limit 10; until now behind another trouble"


def test_hosts_in_a_cycle_hide_nobody_of_it_and_a_host_behind_them_waits() -> None:
    site = Site(behind("a", "b"), behind("b", "a"), behind("leaf", "a"), behind("self", "self"))
    site.report(("a", BAD), ("b", BAD), ("leaf", BAD), ("self", BAD))
    assert site.hosts == {"a", "b", "self"}


def test_who_is_muted_hides_nobody_and_what_stands_before_it_does() -> None:
    mute = Mute(mute_no=1, reason="works", author="", created_ms=0, starts_ms=0, ends_ms=None, agent_id="gateway")
    site = Site(behind("web", "gateway"), mutes=[mute])
    site.report(("gateway", BAD), ("web", BAD))
    assert site.hosts == {"gateway", "web"}
    site = Site(behind("web", "gateway"), behind("gateway", "uplink"), mutes=[mute])
    site.report(("uplink", BAD), ("gateway", BAD), ("web", BAD))
    assert site.hosts == {"uplink"}


def test_a_muted_incident_hides_nobody_either() -> None:
    site = Site(behind("web", "gateway"))
    site.report(("gateway", BAD))
    mute = Mute(mute_no=1, reason="known", author="", created_ms=0, starts_ms=0, ends_ms=None, number=7)
    [key] = site.open
    site.memory.parents = replace(site.memory.parents, mutes=[mute], numbers={key: 7})
    site.report(("web", BAD))
    assert site.hosts == {"gateway", "web"}


def test_a_parent_nobody_knows_hides_nobody() -> None:
    site = Site(behind("web", "gone"))
    site.report(("web", BAD))
    assert site.hosts == {"web"}


def test_only_the_check_that_is_named_counts_and_only_while_it_is_bad() -> None:
    site = Site(behind("web", "gateway", "heat"))
    site.report(("gateway", BAD), ("web", BAD))
    assert site.hosts == {"gateway", "web"}
    site.report(("web", GOOD))
    site.seq += 1
    site.take([snapshot(site.seq, "gateway", heat=BAD)])
    site.report(("web", BAD))
    assert CheckKey("web", "load", "") not in site.open


def test_a_check_that_could_not_be_made_hides_nobody() -> None:
    for state, hidden in (("unknown", False), ("warning", True), ("critical", True)):
        site = Site(behind("web", "gateway", "check"))
        site.seq += 1
        site.take([structs.replace(snapshot(1, "gateway", load=GOOD), checks=[seen(state, 1)])])
        site.report(("web", BAD))
        assert ("web" not in site.hosts) is hidden, state


def test_active_checks_of_a_host_behind_wait_too() -> None:
    site = Site(behind("web", "gateway"))
    site.report(("gateway", BAD))
    for seq in (2, 3):
        site.seq = seq
        site.take([structs.replace(snapshot(seq, "web", load=GOOD), checks=[seen("critical", seq)])])
        assert site.hosts == {"gateway"}
    site.report(("gateway", GOOD))
    site.take([structs.replace(snapshot(4, "web", load=GOOD), checks=[seen("critical", 4)])])
    assert site.hosts == {"web"}


def test_late_records_open_nothing_that_is_explained_and_release_nothing() -> None:
    site = Site(behind("web", "gateway"))
    site.report(("gateway", BAD))
    site.report(("web", BAD), late=True)
    site.report(("gateway", GOOD))
    site.report(("web", BAD), late=True)
    assert site.hosts == set()
    site.report(("web", BAD))
    [opened] = site.open.values()
    assert (opened.key.agent_id, opened.is_late) == ("web", False)


def test_a_parent_whose_trouble_is_history_hides_nobody() -> None:
    site = Site(behind("web", "gateway"))
    site.report(("gateway", BAD), late=True)
    site.report(("web", BAD))
    assert site.hosts == {"gateway", "web"}


def test_what_the_clock_observes_waits_too() -> None:
    site = Site(behind("web", "gateway"))
    site.report(("gateway", BAD), ("web", GOOD))
    by_the_clock = Observation(rule=rule("full"), subject="", labels={}, value=99.0, at_ms=wall_ms(2))

    def turn() -> None:
        memory, now_ms = site.memory, wall_ms(2)
        decided = decide_observed(
            {"web": [by_the_clock]}, memory, RULES, lambda *_: (), now_ms, withheld=memory.withheld
        )
        if decided is not None:
            kept = without_explained(decided, memory)
            memory.apply(kept)
            site.follow(kept.batch.incidents)

    turn()
    turn()
    assert site.hosts == {"gateway"}
    site.seq = 2
    site.take([snapshot(3, "gateway", load=GOOD)])
    turn()
    assert site.hosts == {"web"}


def test_a_host_that_is_no_longer_behind_anything_is_heard_of() -> None:
    site = Site(behind("web", "gateway"))
    site.report(("gateway", BAD), ("web", BAD))
    site.memory.parents = Parents()
    site.report(("web", BAD))
    assert site.hosts == {"gateway", "web"}


def test_which_rules_speak_of_records() -> None:
    assert ABOUT_RECORDS == OWN_RULES - SILENCE_RULES


HOSTS = ("a", "b", "c", "d")
EDGES = st.lists(st.sampled_from([(0, 1), (0, 2), (1, 2), (1, 3), (2, 3), (0, 3)]), unique=True)
"""From a host to one with a later name: no cycles."""
ROUNDS = st.lists(
    st.tuples(
        st.dictionaries(st.sampled_from(HOSTS), st.lists(st.sampled_from([GOOD, BAD]), min_size=1, max_size=3)),
        st.booleans(),
    ),
    max_size=8,
)


def site_of(edges: Sequence[tuple[int, int]]) -> Site:
    return Site(*(behind(HOSTS[child], HOSTS[parent]) for child, parent in edges))


def rounds_taken(site: Site, rounds: Sequence[tuple[dict[str, list[float]], bool]], order: random.Random) -> list[str]:
    """After each round: which incidents are open."""
    seqs = dict.fromkeys(HOSTS, 0)
    seen_so_far = []
    for loads, restarts in rounds:
        records = []
        for agent_id, values in loads.items():
            for value in values:
                seqs[agent_id] += 1
                records.append(snapshot(seqs[agent_id], agent_id, load=value))
        order.shuffle(records)
        site.seq = max(seqs.values())
        if records:
            site.take(records)
        if restarts:
            site.restart()
        seen_so_far.append(" ".join(sorted(site.hosts)))
    return seen_so_far


@settings(deadline=None, max_examples=60)
@given(edges=EDGES, rounds=ROUNDS, order=st.randoms(use_true_random=False))
def test_no_order_within_a_batch_changes_what_is_open(
    edges: list[tuple[int, int]], rounds: list[tuple[dict[str, list[float]], bool]], order: random.Random
) -> None:
    never_restarted = [(loads, False) for loads, _ in rounds]
    straight, shuffled = site_of(edges), site_of(edges)
    assert rounds_taken(shuffled, rounds, order) == rounds_taken(straight, never_restarted, random.Random(0))


@settings(deadline=None, max_examples=60)
@given(edges=EDGES, rounds=ROUNDS, order=st.randoms(use_true_random=False))
def test_who_is_bad_has_an_incident_or_stands_behind_who_has_one(
    edges: list[tuple[int, int]], rounds: list[tuple[dict[str, list[float]], bool]], order: random.Random
) -> None:
    """`follow` also holds that nothing ends that was not open, and nothing opens twice."""
    site = site_of(edges)
    rounds_taken(site, rounds, order)
    bad = {host for host in HOSTS if any(map(is_open, site.memory.checks(host).values()))}
    for host in HOSTS[::-1]:  # each sends once more, what stands in front first
        site.seq += 10
        site.take([snapshot(site.seq, host, load=BAD if host in bad else GOOD)])
    assert site.hosts <= bad
    for host in bad - site.hosts:
        assert in_front_of(host, edges) & site.hosts, f"nobody hears of {host}"
    for _ in range(25 if bad else 0):  # a check that flaps settles by then
        site.seq += 1
        site.take([snapshot(site.seq, host, load=GOOD) for host in bad])
    assert site.hosts == set()


def in_front_of(host: str, edges: Sequence[tuple[int, int]]) -> set[str]:
    found = {HOSTS[parent] for child, parent in edges if HOSTS[child] == host}
    return found.union(*(in_front_of(parent, edges) for parent in found))
