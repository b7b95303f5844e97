"""Silence through time: what opens, what waits, what closes."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from processor.silence.facts import Reach
from processor.silence.road import REFUSED, Way, WayOut
from store.model import HUB, Change, CheckKey, Flow
from tests.unit.silence.world import World, agent

WEB = "10.0.0.7"


def connected(*agent_ids: str, peer_host: str = WEB) -> World:
    world = World(*(agent(agent_id) for agent_id in agent_ids))
    for agent_id in agent_ids:
        world.connection(agent_id, is_open=True, peer_host=peer_host)
    world.second()
    return world


def test_a_killed_agent_is_known_after_two_seconds_and_forgotten_with_its_next_record() -> None:
    world = connected("web")
    world.probes.answers[WEB] = Reach.ANSWERS
    world.sending.clear()
    world.connection("web", is_open=False)
    world.second()
    assert world.open_rules() == []
    world.second()
    assert world.open_rules() == [("web", "agent-silent")]
    assert "without a goodbye and its address answers: the agent died" in world.sentence("web")
    world.sending.add("web")
    world.connection("web", is_open=True, connection="next")
    world.pass_seconds(6)
    assert [change.change for change in world.changes] == [Change.OPENED, Change.CLOSED]
    assert world.changes[-1].sentence == "its data come again, after 5 s without"
    assert world.memory.findings("web") == {}


def test_a_reconnect_is_nothing() -> None:
    world = connected("web")
    world.connection("web", is_open=False)
    world.second()
    world.connection("web", is_open=True, connection="next")
    world.pass_seconds(30)
    assert world.changes == []


def test_an_old_connection_that_ends_while_a_new_one_is_open_is_nothing() -> None:
    world = connected("web")
    world.connection("web", is_open=True, connection="next")
    world.connection("web", is_open=False)
    world.pass_seconds(30)
    assert world.changes == []


def test_a_clean_stop_is_no_incident() -> None:
    world = connected("web")
    world.sending.clear()
    world.keep([replace(world.memory.agents["web"], goodbye_ms=world.clocks.wall_ms, goodbye_reason="stopped")])
    world.connection("web", is_open=False)
    world.pass_seconds(60)
    assert world.changes == []


def test_a_changed_verdict_changes_the_sentence_of_the_same_incident() -> None:
    world = connected("web")
    world.probes.answers[WEB] = Reach.ANSWERS
    world.sending.clear()
    world.pass_seconds(20)
    assert world.sentence("web").endswith("its connection is still open and its address answers: the agent hangs")
    world.probes.answers[WEB] = Reach.SILENT
    world.second()
    world.second()
    assert world.sentence("web").endswith("its address does not answer: most likely the host or its uplink is down")
    assert [change.change for change in world.changes] == [Change.OPENED, Change.WORSENED]


def test_the_address_is_kept_with_the_agent() -> None:
    assert connected("web").memory.agents["web"].peer_host == WEB


def test_an_address_that_hosts_share_says_nothing() -> None:
    world = connected("web", "db", "calm-1", "calm-2")
    world.probes.answers[WEB] = Reach.ANSWERS
    world.sending -= {"web"}
    world.pass_seconds(20)
    assert "several hosts share its address" in world.sentence("web")
    assert world.sentence("web").endswith("most likely the host or its uplink is down")


def test_a_broker_in_alarm_is_one_incident_of_the_hub_and_every_agent_gets_its_time_afterwards() -> None:
    world = connected("web", "db")
    world.way_out = WayOut(Way.BLOCKED, world.clocks.monotonic_ms, "low on disk")
    world.pass_seconds(90)
    assert world.open_rules() == [(HUB, "pipeline")]
    assert world.changes[0].sentence.startswith("RabbitMQ is in alarm (low on disk)")
    world.way_out = WayOut(Way.OPEN, world.clocks.monotonic_ms)
    world.sending.remove("db")
    world.pass_seconds(13)
    assert world.open_rules() == []
    world.pass_seconds(20)
    assert world.open_rules() == [("db", "agent-silent")]


def test_a_queue_that_is_gone_is_named_with_what_makes_it_and_its_return_ends_it() -> None:
    world = connected("web", "db")
    world.way_out = WayOut(Way.NOWHERE, world.clocks.monotonic_ms)
    world.pass_seconds(90)
    assert world.open_rules() == [(HUB, "pipeline")]
    (opened,) = world.changes
    assert "the queue ingest or its binding to health.telemetry is gone" in opened.sentence
    assert "Run `python -m rabbitmq setup`" in opened.sentence
    world.way_out = WayOut(Way.OPEN, world.clocks.monotonic_ms)
    world.pass_seconds(15)
    assert world.open_rules() == []
    assert world.changes[-1].sentence == "records flow again, all that waited is read; the queue takes them"


def test_an_exchange_that_takes_nothing_is_named_with_what_makes_it() -> None:
    world = connected("web", "db")
    world.way_out = WayOut(Way.NOWHERE, world.clocks.monotonic_ms, REFUSED)
    world.pass_seconds(90)
    (opened,) = world.changes
    assert "the exchange health.telemetry is gone, or the permission to write there" in opened.sentence
    assert "Run `python -m rabbitmq setup`" in opened.sentence


def test_a_processor_that_is_behind_is_one_incident_of_the_hub() -> None:
    world = connected("web")
    world.flows = False
    world.pass_seconds(120)
    assert world.open_rules() == [(HUB, "pipeline")]
    assert world.changes[0].sentence.startswith("The processor is behind")
    world.flows = True
    world.pass_seconds(60)
    assert world.open_rules() == []


def test_a_short_restart_of_the_broker_is_nothing() -> None:
    world = connected("web")
    world.way_out = WayOut(Way.AWAY, world.clocks.monotonic_ms)
    world.events.append(None)
    world.pass_seconds(8)
    world.way_out = WayOut(Way.OPEN, world.clocks.monotonic_ms)
    world.pass_seconds(60)
    assert world.changes == []


def test_an_absence_is_told_of_as_history() -> None:
    stored_ms = 1_790_000_000_000 - 300_000
    world = World(agent("web"), last_flow=Flow(sent_ms=stored_ms, stored_ms=stored_ms), settled=False)
    world.judge()
    [opened] = world.changes
    assert (opened.at_ms, opened.is_late) == (stored_ms, True)
    assert opened.sentence.endswith("(5 min): records waited, none is lost")
    world.pass_seconds(20)
    assert [change.change for change in world.changes] == [Change.OPENED, Change.CLOSED]


def test_who_starts_amid_an_absence_and_stays_behind_says_so() -> None:
    stored_ms = 1_790_000_000_000 - 300_000
    flow = Flow(sent_ms=stored_ms, stored_ms=stored_ms)
    world = World(agent("web"), last_flow=flow, settled=False)
    world.flows = False
    world.pass_seconds(5)
    world.watch = type(world.watch)(world.watch._senses, lambda *_: ())
    world.watch.take_over(world.memory, flow, world.clocks)
    world.pass_seconds(40)
    assert [(change.change, change.is_late) for change in world.changes] == [
        (Change.OPENED, True),
        (Change.WORSENED, False),
    ]
    assert world.changes[-1].sentence.startswith("The processor is behind: ")
    world.flows = True
    world.pass_seconds(20)
    assert world.open_rules() == []


def test_who_was_gone_before_silence_was_judged_is_no_news_until_it_comes_back() -> None:
    now_ms, day_ms = 1_790_000_000_000, 86_400_000
    gone = [replace(agent(f"gone-{number}"), last_seen_ms=now_ms - day_ms) for number in range(3)]
    world = World(*gone, agent("web"), last_flow=Flow(sent_ms=now_ms - 10_000, stored_ms=now_ms), settled=False)
    world.sending = {"web"}
    world.pass_seconds(200)
    assert world.changes == []
    world.sending = {"gone-0", "web"}
    world.pass_seconds(10)
    world.sending = {"web"}
    world.pass_seconds(30)
    assert world.open_rules() == [("gone-0", "agent-silent")]


def test_who_fell_silent_while_the_processor_was_away_is_news() -> None:
    now_ms, day_ms = 1_790_000_000_000, 86_400_000
    stored_ms = now_ms - 2 * day_ms
    fell = replace(agent("db"), last_seen_ms=stored_ms - 60_000)
    world = World(fell, agent("web"), last_flow=Flow(sent_ms=stored_ms, stored_ms=stored_ms), settled=False)
    world.sending = {"web"}
    world.pass_seconds(200)
    assert world.open_rules() == [("db", "agent-silent")]


def test_an_open_incident_outlives_the_processor() -> None:
    world = connected("web")
    world.sending.clear()
    world.pass_seconds(20)
    assert world.open_rules() == [("web", "agent-silent")]
    world.watch = type(world.watch)(world.watch._senses, lambda *_: ())
    world.watch.take_over(world.memory, None, world.clocks)
    world.pass_seconds(30)
    assert [change.change for change in world.changes] == [Change.OPENED]
    world.sending.add("web")
    world.pass_seconds(6)
    assert world.open_rules() == []


def test_agents_that_fall_silent_together_are_a_family() -> None:
    world = World(*(agent(f"web-{number:02}", group="site-b") for number in range(12)), agent("db"))
    world.sending = {"db"}
    world.pass_seconds(40)
    assert [rule for _, rule in world.open_rules()].count("agent-silent") == 12
    [family] = [change for key, change in world.open.items() if key.rule == "group-silent"]
    assert family.key == CheckKey(HUB, "group-silent", 'group="site-b"')
    assert family.sentence == "12 of 12 agents of group site-b fell silent within 1 s: their uplink, not the hosts"
    assert world.sentence("web-03").endswith(family.sentence)
    world.sending |= {f"web-{number:02}" for number in range(12)}
    world.pass_seconds(6)
    assert world.open_rules() == []


moves = st.sampled_from(
    ["quiet", "talk", "close", "reopen", "goodbye", "block", "away", "unbind", "open", "stall", "flow", "miss"]
)
walls = st.sampled_from([1000, 1000, 1000, 0, -3_600_000, 3_600_000, 86_400_000])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(moves, st.sampled_from(["a", "b", "c"]), walls, st.integers(0, 25)), max_size=25))
def test_whatever_happens_to_clocks_and_roads(steps: list[tuple[str, str, int, int]]) -> None:
    """Nobody is blamed while the road is in doubt, who goes on sending never is, and all ends well once all is well."""
    world = World(agent("a"), agent("b"), agent("c"), agent("steady"))
    for move, whom, wall_ms, seconds in steps:
        known = len(world.changes)
        _make(world, move, whom)
        world.second(wall_ms)
        world.pass_seconds(seconds)
        for change in world.changes[known:]:
            assert change.key.agent_id != "steady", change.sentence
            if world.way_out.way is not Way.OPEN and seconds == 0:
                assert change.change is not Change.OPENED or change.key.agent_id == HUB
    world.way_out, world.flows = WayOut(Way.OPEN, world.clocks.monotonic_ms), True
    world.sending = set(world.memory.agents)
    for agent_id in ("a", "b", "c"):
        world.connection(agent_id, is_open=True, connection="last")
    world.pass_seconds(60)
    assert world.open_rules() == []


def _make(world: World, move: str, whom: str) -> None:
    now_ms = world.clocks.monotonic_ms
    match move:
        case "quiet":
            world.sending.discard(whom)
        case "talk":
            world.sending.add(whom)
        case "close" | "reopen":
            world.connection(whom, is_open=move == "reopen", peer_host=WEB)
            (world.sending.add if move == "reopen" else world.sending.discard)(whom)
        case "goodbye":
            world.sending.discard(whom)
            row = world.memory.agents[whom]
            world.keep([replace(row, goodbye_ms=world.clocks.wall_ms, last_seen_ms=world.clocks.wall_ms)])
        case "block" | "away" | "unbind" | "open":
            way = {"block": Way.BLOCKED, "away": Way.AWAY, "unbind": Way.NOWHERE, "open": Way.OPEN}[move]
            if world.way_out.way is not way:
                world.way_out = WayOut(way, now_ms)
        case "stall" | "flow":
            world.flows = move == "flow"
        case "miss":
            world.events.append(None)
