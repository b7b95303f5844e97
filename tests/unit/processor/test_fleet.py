"""Rules that look at all agents at once."""

from typing import Any

import pytest

from health.machine import Patience
from health.rule import Level
from health.state import State
from processor.evaluators.fleet import share_in_trouble
from processor.fleet_rules import end_orphans, observe_fleet
from processor.memory import FleetMemory
from processor.observation import Observation
from processor.periodic_rules import decide_observed
from processor.rule import Kind, Rule
from processor.rule_files import load_rules
from processor.rule_set import RuleSet
from store.model import HUB, Agent, Change, Check, CheckKey, FleetState

NOW_MS = 1_790_000_000_000
WEB = 'group="web"'


def fleet_rule(*groups: str, minimum_agents: int = 3) -> Rule:
    return Rule(
        rule_id="web-disks",
        metric="",
        kind=Kind.FLEET,
        of="disk-usage",
        groups=frozenset(groups),
        minimum_agents=minimum_agents,
        levels={State.WARNING: Level(limit=20, clear=15)},
        patience=Patience(),
        title="many disks",
        sentence="{count} of {of_count} hosts of {whom}: {worst}",
    )


def agent(name: str, group: str = "web", silent_ms: int = 0, **fields: Any) -> Agent:
    seen_ms = NOW_MS - silent_ms
    keys = {"snapshot_ms": seen_ms, "snapshot_epoch": 1, "snapshot_seq": 1, "snapshot_received_ms": seen_ms}
    return Agent(
        agent_id=f"id-{name}", host_name=name, group_name=group, first_seen_ms=0, last_seen_ms=seen_ms, **keys | fields
    )


def check(agent_id: str, state: State, rule: str = "disk-usage", subject: str = 'mount="/"') -> Check:
    return Check(key=CheckKey(agent_id, rule, subject), state=state, since_ms=0, value=99.0)


def memory(agents: list[Agent], *checks: Check) -> FleetMemory:
    return FleetMemory(
        FleetState(agents={each.agent_id: each for each in agents}, checks={each.key: each for each in checks})
    )


def told(seen: Observation) -> str:
    return seen.rule.sentence.format_map({**seen.labels, **seen.words})


def test_the_worst_are_named_first_and_five_at_most() -> None:
    states = [(f"h{place}", State.WARNING) for place in range(6)]
    share = share_in_trouble([*states, ("last", State.CRITICAL), ("fine", State.OK), ("odd", State.UNKNOWN)])
    assert (share.count, share.of_count) == (7, 9)
    assert share.percent == pytest.approx(700 / 9)
    assert share.worst == "last, h0, h1, h2, h3 and 2 more"
    assert share_in_trouble([]).percent == 0


def test_a_group_in_trouble_is_one_incident_of_the_hub() -> None:
    hosts = [agent(f"web-{place}") for place in range(4)] + [agent("db-1", "db")]
    fleet = memory(hosts, check("id-web-2", State.CRITICAL), check("id-db-1", State.CRITICAL))
    [seen] = observe_fleet([fleet_rule("web")], fleet, NOW_MS)
    assert (seen.subject, seen.labels, seen.value) == (WEB, {"group": "web"}, 25.0)
    assert told(seen) == "1 of 4 hosts of group web: web-2"
    rules = RuleSet([fleet_rule("web")])
    decision = decide_observed({HUB: [seen]}, fleet, rules, lambda *_: (), NOW_MS)
    assert decision is not None
    [opened] = decision.batch.incidents
    assert (opened.change, opened.key) == (Change.OPENED, CheckKey(HUB, "web-disks", WEB))


def test_all_agents_are_a_group_where_a_rule_names_none() -> None:
    hosts = [agent("web-1"), agent("db-1", "db"), agent("lone", "")]
    [seen] = observe_fleet([fleet_rule()], memory(hosts, check("id-lone", State.WARNING)), NOW_MS)
    assert (seen.subject, told(seen)) == ("", "1 of 3 hosts of all agents: lone")


def test_all_is_well_and_was_well_says_nothing() -> None:
    assert observe_fleet([fleet_rule("web")], memory([agent(f"web-{place}") for place in range(4)]), NOW_MS) == []


def test_who_is_silent_does_not_count_and_too_few_heard_move_nothing() -> None:
    open_check = check(HUB, State.WARNING, "web-disks", WEB)
    away = [agent(f"web-{place}", silent_ms=60_000) for place in range(3)]
    here = [agent(f"web-{place}") for place in range(3, 6)]
    [seen] = observe_fleet([fleet_rule("web")], memory([*away, *here], open_check), NOW_MS)
    assert seen.words["of_count"] == 3
    assert observe_fleet([fleet_rule("web")], memory([*away, *here[:2]], open_check), NOW_MS) == []


@pytest.mark.parametrize("group", ["web", "db"])
def test_a_group_that_is_too_small_now_or_named_no_more_is_in_no_trouble(group: str) -> None:
    gone = [agent(f"web-{place}", goodbye_ms=NOW_MS) for place in range(3)]
    fleet = memory(
        [*gone, agent("web-9")], check(HUB, State.WARNING, "web-disks", WEB), check("id-web-9", State.CRITICAL)
    )
    rule = fleet_rule(group)
    decision = decide_observed(
        {HUB: observe_fleet([rule], fleet, NOW_MS)}, fleet, RuleSet([rule]), lambda *_: (), NOW_MS
    )
    assert decision is not None
    [closed] = decision.batch.incidents
    assert (closed.change, closed.key.subject) == (Change.CLOSED, WEB)
    assert closed.sentence == "0 of 0 hosts of group web: none"


def test_the_checks_of_a_rule_that_is_no_more_end() -> None:
    fleet = memory([], check(HUB, State.WARNING, "web-disks", WEB), check(HUB, State.WARNING, "rule-files", "x.yaml"))
    [ended] = end_orphans(fleet, RuleSet([]), NOW_MS)
    assert [(change.change, change.key.rule) for change in ended.incidents] == [(Change.CLOSED, "web-disks")]
    assert end_orphans(fleet, RuleSet([fleet_rule("web")]), NOW_MS) == []


def test_the_rule_that_ships_watches_a_rule_that_ships() -> None:
    by_id = {rule.rule_id: rule for rule in load_rules()}
    fleet_rules = [rule for rule in by_id.values() if rule.kind is Kind.FLEET]
    assert fleet_rules
    assert all(rule.of in by_id for rule in fleet_rules)
    hosts = [agent(f"web-{place}") for place in range(5)]
    seen = observe_fleet(fleet_rules, memory(hosts, *(check(host.agent_id, State.CRITICAL) for host in hosts)), NOW_MS)
    assert [told(each) for each in seen] == [
        "5 of 5 hosts of all agents have a disk that is almost full: web-0, web-1, web-2, web-3, web-4"
    ]
