"""What else explains an incident, so that nobody hears of it; and which channels hear of the others."""

from dataclasses import replace
from typing import Any

from health.state import State
from processor.notify.routes import targets
from processor.notify.suppression import Quiet
from store.model import HUB, CheckKey
from store.outbox import Facts
from store.response import Dependency, Mute, Notice, NoticeKind
from tests.unit.processor.notify.hub import settings_of

NOW_MS = 1_767_225_600_000  # a Thursday, midnight UTC


def facts(number: int, agent_id: str = "web-1", rule: str = "disk", subject: str = "", **fields: Any) -> Facts:
    whole = Facts(
        number=number,
        key=CheckKey(agent_id, rule, subject),
        host_name=None,
        group_name="web",
        severity=State.CRITICAL,
        title=f"{rule} is bad",
        sentence="",
        opened_ms=NOW_MS,
        updated_ms=NOW_MS,
    )
    return replace(whole, **fields)


def behind(parent: str, rule: str | None = None, subject: str | None = None) -> Dependency:
    return Dependency(
        dependency_no=1, agent_id="web-1", parent_agent_id=parent, parent_rule=rule, parent_subject=subject
    )


CHILD = facts(1)


def quiet(*others: Facts, dependencies: tuple[Dependency, ...] = ()) -> str:
    return Quiet([CHILD, *others], (), dependencies).reason(CHILD)


def test_a_mute_says_why() -> None:
    mute = Mute(mute_no=1, reason="works", author="", created_ms=0, starts_ms=0, ends_ms=None, agent_id="web-1")
    assert Quiet([CHILD], [mute]).reason(CHILD) == "muted: works"
    assert Quiet([CHILD], [replace(mute, agent_id="web-2")]).reason(CHILD) == ""


def test_the_silence_of_its_own_host_explains_it() -> None:
    silent = facts(2, rule="agent-silent")
    assert quiet(silent) == "#2 explains it: web-1: agent-silent is bad"
    assert quiet(facts(2, "web-2", "agent-silent")) == ""
    assert Quiet([CHILD, silent]).reason(silent) == ""


def test_trouble_of_the_hub_explains_it() -> None:
    assert quiet(facts(2, HUB, "pipeline")).startswith("#2 explains it")
    assert quiet(facts(2, HUB, "rule-file")) == ""


def test_hosts_that_fell_silent_together_are_one_thing() -> None:
    silent = facts(1, rule="agent-silent", peer_host="10.0.0.7")
    for subject, explains in (
        ('group="web"', True),
        ('group="db"', False),
        ('network="10.0.0.0/24"', True),
        ('network="10.0.1.0/24"', False),
        ('fleet="all"', True),
    ):
        family = facts(2, HUB, "group-silent", subject)
        assert bool(Quiet([silent, family]).reason(silent)) is explains, subject
        assert quiet(family) == ""  # of a host that is heard


def test_a_host_that_falls_silent_long_after_its_neighbours_is_news() -> None:
    family = facts(2, HUB, "group-silent", 'group="web"')
    for since_seconds, explains in ((-900, True), (60, True), (61, False), (86_400, False)):
        opened_ms = NOW_MS + 1_000 * (since_seconds + 20)
        silent = facts(1, rule="agent-silent", opened_ms=opened_ms, value=20.0)
        assert bool(Quiet([silent, family]).reason(silent)) is explains, since_seconds
    grown = replace(family, updated_ms=NOW_MS + 86_400_000)
    assert Quiet([silent, grown]).reason(silent)


def test_a_host_in_front_that_is_down_explains_it() -> None:
    host, check = behind("router"), behind("router", "disk", "a")
    assert quiet(facts(2, "router"), dependencies=(host,)).startswith("#2 explains it")
    assert quiet(facts(2, "router", severity=State.WARNING), dependencies=(host,)) == ""
    assert quiet(facts(2, "router", subject="a", severity=State.WARNING), dependencies=(check,)).startswith("#2")
    assert quiet(facts(2, "router", subject="b"), dependencies=(check,)) == ""
    assert quiet(facts(2, "other"), dependencies=(host,)) == ""


def test_a_host_further_up_the_chain_explains_it() -> None:
    chain = (behind("switch"), replace(behind("router"), agent_id="switch"))
    assert quiet(facts(2, "router"), dependencies=chain).startswith("#2 explains it")
    both = quiet(facts(2, "router"), facts(3, "switch"), dependencies=chain)
    assert both.startswith("#3 explains it")
    around = (behind("switch"), replace(behind("web-1"), agent_id="switch"))
    assert quiet(facts(2, "switch"), dependencies=around) == ""


def test_a_host_in_front_of_which_nobody_hears_explains_nothing() -> None:
    mute = Mute(mute_no=1, reason="works", author="", created_ms=0, starts_ms=0, ends_ms=None, agent_id="router")
    assert Quiet([CHILD, facts(2, "router")], [mute], [behind("router")]).reason(CHILD) == ""
    unknown = facts(2, "router", "check", severity=State.UNKNOWN)
    assert quiet(unknown, dependencies=(behind("router", "check"),)) == ""
    assert quiet(facts(2, "router", "records-unexplained"), dependencies=(behind("router"),)) == ""


def test_what_is_closed_or_late_explains_nothing() -> None:
    assert quiet(facts(2, rule="agent-silent", closed_ms=NOW_MS)) == ""
    assert quiet(facts(2, rule="agent-silent", is_late=True)) == ""


def channels(incident: Facts, *routes: dict[str, Any]) -> list[str]:
    settings = settings_of(*routes, channels=("ops", "pager", "boss"))
    return [target.channel for target in targets(incident, {}, settings, NOW_MS) if not target.is_escalation]


def test_the_first_route_that_fits_decides() -> None:
    pager = {"channels": ["pager"], "severities": ["critical"]}
    assert channels(CHILD, pager, {}) == ["pager"]
    assert channels(replace(CHILD, severity=State.WARNING), pager, {}) == ["ops"]
    assert channels(CHILD, pager | {"continue": True}, {}) == ["pager", "ops"]
    assert channels(CHILD, {"groups": ["db"]}) == []
    assert channels(CHILD, {"rules": ["cpu"]}) == []


def test_what_the_hub_says_of_a_group_goes_where_the_group_goes() -> None:
    web, db = ({"channels": [channel], "groups": [group]} for channel, group in (("ops", "web"), ("pager", "db")))
    family = facts(1, HUB, "group-silent", 'group="db"', group_name="")
    assert channels(family, web, db) == ["pager"]
    assert channels(family, web) == []


def test_what_the_hub_says_of_several_groups_goes_to_all_of_them_rather_than_to_nobody() -> None:
    web, db = ({"channels": [channel], "groups": [group]} for channel, group in (("ops", "web"), ("pager", "db")))
    pipeline = facts(1, HUB, "pipeline", group_name="")
    assert channels(pipeline, web, db) == ["ops", "pager"]
    assert channels(pipeline, web, db, {"channels": ["boss"]}) == ["boss"]
    assert channels(pipeline, web, db | {"rules": ["disk"]}) == ["ops"]
    assert channels(facts(1, group_name="mail"), web, db) == []


def test_who_wants_to_hear_of_silent_hosts_hears_of_families_of_them() -> None:
    silent, full = (
        {"channels": [channel], "rules": [rule]} for channel, rule in (("pager", "agent-silent"), ("ops", "disk"))
    )
    for subject in ('group="web"', 'network="10.0.0.0/24"', 'fleet="all"'):
        family = facts(1, HUB, "group-silent", subject, group_name="")
        assert channels(family, full, silent) == ["pager"]
        assert channels(family, full, silent | {"groups": ["web"]}) == ["pager"]
        assert channels(family, {"rules": ["group-silent"]}, silent) == ["ops"]
    assert channels(facts(1, rule="agent-silent"), full, silent) == ["pager"]
    assert channels(facts(1, rule="agent-silent"), {"rules": ["group-silent"]}) == []
    assert channels(facts(1, HUB, "pipeline", group_name=""), silent) == []


def test_a_route_outside_its_hours_leads_nowhere() -> None:
    assert channels(CHILD, {"time": {"hours": "08:00-18:00"}}, {"channels": ["pager"]}) == ["pager"]
    assert channels(CHILD, {"time": {"days": ["thu"]}}, {"channels": ["pager"]}) == ["ops"]


def test_who_was_told_hears_of_the_end_though_no_route_leads_there_now() -> None:
    told = Notice(
        notice_no=1,
        number=1,
        channel="boss",
        kind=NoticeKind.PROBLEM,
        dedup_key="",
        created_ms=0,
        due_ms=0,
        delivered_ms=1,
    )
    settings = settings_of({"severities": ["warning"]}, channels=("ops", "boss"))
    [target] = targets(CHILD, {"boss": [told]}, settings, NOW_MS)
    assert (target.channel, target.route, target.sends_recovery) == ("boss", None, True)
