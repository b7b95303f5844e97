"""Hosts that fall silent behind a silent host: one incident, and theirs once nothing explains them any more."""

from dataclasses import replace

from health.state import State
from processor.decision import Decision, Learnt
from processor.memory import FleetMemory
from processor.parents import Parents
from processor.silence.evidence import Senses
from processor.silence.road import Way, WayOut
from processor.silence.verdict import RETURNS_WITHIN_MS
from processor.silence.watch import SilenceWatch
from store.behind import Behind
from store.model import HUB, STALE_AFTER_AT_LEAST_MS, Batch, Change, Check, CheckKey, FleetState, Flow
from store.response import Dependency
from tests.unit.silence.world import World, agent

SILENT = "agent-silent"
GRACE_SECONDS = (RETURNS_WITHIN_MS + STALE_AFTER_AT_LEAST_MS) // 1000


def site(*children: str) -> World:
    """A group of hosts behind a gateway, among many others that go on."""
    near, others = ("gateway", *children), (f"calm-{number}" for number in range(9))
    world = World(*(agent(one, group="dc") for one in near), *map(agent, others))
    known = [Dependency(dependency_no=1, agent_id=child, parent_agent_id="gateway") for child in children]
    world.memory.parents = Parents(Behind(known))
    return world


def fall_silent(world: World, *agent_ids: str) -> None:
    world.sending -= set(agent_ids)
    world.pass_seconds(40)


def restarted(world: World) -> None:
    """Another processor takes over what the store has; it stored a canary just now."""
    old, fleet = world.memory, world.memory.agents
    known = [(*old.checks(agent_id).values(), *old.findings(agent_id).values()) for agent_id in (*fleet, HUB)]
    checks = {check.key: check for checks in known for check in checks}
    withheld = [key for key in checks if old.is_withheld(key)]
    world.memory = FleetMemory(FleetState(agents=fleet, checks=checks, withheld=withheld))
    world.memory.parents, world.memory.canary_monotonic_ms = old.parents, old.canary_monotonic_ms
    world.watch = SilenceWatch(Senses(lambda: world.way_out, world._prove, world._drain, world.probes), lambda *_: ())
    world.watch.take_over(
        world.memory, Flow(sent_ms=world.clocks.wall_ms, stored_ms=world.clocks.wall_ms), world.clocks
    )


def test_hosts_behind_a_silent_one_have_no_incident_and_no_family_until_it_is_heard_again() -> None:
    world = site("web", "db", "mail")
    fall_silent(world, "gateway", "web", "db", "mail")
    assert world.open_rules() == [("gateway", SILENT)]
    world.sending |= {"gateway", "web"}
    world.pass_seconds(GRACE_SECONDS)
    assert world.open_rules() == []
    world.pass_seconds(20)
    assert world.open_rules() == [("db", SILENT), ("mail", SILENT)]
    world.sending |= {"db", "mail"}
    world.pass_seconds(10)
    assert world.open_rules() == []
    assert {change.key.agent_id for change in world.changes} == {"gateway", "db", "mail"}


def test_hosts_that_come_back_one_by_one_after_the_one_in_front_are_never_blamed() -> None:
    children = [f"web-{number}" for number in range(12)]
    world = site(*children)
    fall_silent(world, "gateway", *children)
    world.sending.add("gateway")
    world.pass_seconds(8)
    for child in children:
        world.pass_seconds(5)
        world.sending.add(child)
        assert world.open_rules() == []
    world.pass_seconds(GRACE_SECONDS)
    assert {change.key.agent_id for change in world.changes} == {"gateway"}


def test_hosts_that_never_come_back_are_told_of_one_by_one_and_are_no_family() -> None:
    children = [f"web-{number}" for number in range(12)]
    world = site(*children)
    fall_silent(world, "gateway", *children)
    world.sending.add("gateway")
    world.pass_seconds(GRACE_SECONDS + 60)
    assert world.open_rules() == sorted((child, SILENT) for child in children)
    assert "fell silent within" not in world.sentence("web-0")
    restarted(world)
    world.pass_seconds(GRACE_SECONDS * 3)
    assert world.open_rules() == sorted((child, SILENT) for child in children)


def test_a_host_whose_silence_counts_only_after_the_one_in_front_is_back_has_the_same_time() -> None:
    world = site("web")
    world.sending -= {"gateway", "web"}
    world.pass_seconds(19)
    assert world.open_rules() == [("gateway", SILENT)]
    world.keep([replace(world.memory.agents["web"], interval_ms=10_000)])
    world.sending.add("gateway")
    world.pass_seconds(60)
    assert world.open_rules() == []
    world.pass_seconds(60)
    assert world.open_rules() == [("web", SILENT)]


def test_a_host_that_was_heard_after_the_one_in_front_has_no_more_time_than_any_other() -> None:
    world = site("web")
    fall_silent(world, "gateway", "web")
    world.sending |= {"gateway", "web"}
    world.pass_seconds(10)
    fall_silent(world, "web")
    assert world.open_rules() == [("web", SILENT)]


def test_no_grace_ends_while_records_do_not_flow() -> None:
    world = site("web")
    fall_silent(world, "gateway", "web")
    world.sending |= {"gateway"}
    world.pass_seconds(10)
    world.flows = False
    world.pass_seconds(GRACE_SECONDS * 2)
    world.flows = True
    world.pass_seconds(GRACE_SECONDS)
    assert world.open_rules() == []
    world.pass_seconds(20)
    assert world.open_rules() == [("web", SILENT)]


def test_withheld_checks_are_overdue_when_nothing_has_explained_them_for_the_time_it_takes_to_return() -> None:
    world = site("web")
    fall_silent(world, "gateway")
    full = Check(key=CheckKey("web", "disk-usage", ""), state=State.CRITICAL, since_ms=world.clocks.wall_ms, value=99.0)
    world.memory.apply(Decision(Batch(checks=[full]), Learnt(withheld=[full.key])))
    world.pass_seconds(GRACE_SECONDS * 2)
    assert world.memory.overdue == frozenset()
    world.sending.add("gateway")
    world.pass_seconds(GRACE_SECONDS)
    assert world.memory.overdue == frozenset()
    world.pass_seconds(6)
    assert world.memory.overdue == {"web"}
    world.flows = False
    world.pass_seconds(40)
    assert world.memory.overdue == frozenset()
    world.flows = True
    for starts_anew in (False, True):
        if starts_anew:
            restarted(world)
        world.pass_seconds(GRACE_SECONDS)
        assert world.memory.overdue == frozenset()
        world.pass_seconds(20)
        assert world.memory.overdue == {"web"}


def test_a_silence_that_was_told_of_before_stays_and_ends_by_itself() -> None:
    world = site("web")
    fall_silent(world, "web")
    fall_silent(world, "gateway")
    assert world.open_rules() == [("gateway", SILENT), ("web", SILENT)]
    world.sending.add("web")
    world.pass_seconds(10)
    assert world.open_rules() == [("gateway", SILENT)]


def test_nothing_is_decided_anew_each_second_while_a_host_waits_behind() -> None:
    world = site("web")
    fall_silent(world, "gateway", "web")
    for _ in range(5):
        world.clocks = type(world.clocks)(world.clocks.monotonic_ms + 1000, world.clocks.wall_ms + 1000)
        assert not world.watch.judge(world.memory, 1, world.clocks).changes_something


def test_who_takes_over_after_hours_knows_who_waits_and_blames_nobody_before_it_has_looked() -> None:
    world = site("web")
    fall_silent(world, "gateway", "web")
    world.pass_seconds(7_200)
    restarted(world)
    world.sending.add("gateway")
    world.pass_seconds(20)
    assert world.open_rules() == []  # nobody can say anything of web yet
    world.pass_seconds(180)
    assert world.open_rules() == [("web", SILENT)]


def test_the_standing_incident_of_the_road_names_the_cause_that_holds_after_a_restart() -> None:
    world = site()
    world.way_out = WayOut(Way.BLOCKED, world.clocks.monotonic_ms, "low on disk")
    world.pass_seconds(60)
    restarted(world)
    world.way_out = WayOut(Way.AWAY, world.clocks.monotonic_ms)
    world.pass_seconds(60)
    pipeline = world.open[CheckKey(HUB, "pipeline", "")]
    assert pipeline.sentence.startswith("RabbitMQ is not reached since ")
    assert [change.change for change in world.changes] == [Change.OPENED, Change.RESTATED]
