"""Groups, their settings, and how punctual their agents report."""

from sqlalchemy import Engine

from store import commands, fence, groups
from store.agents import group_names, list_agents
from store.engine import reading, transaction
from store.groups import group_settings, keep_setting
from store.ingest import keep_batch
from store.model import CommandOutcome
from store.punctuality import punctualities, punctuality
from store.response import GroupSetting
from tests.contract.store.builders import NOW_MS, agent, batch, snapshot


def keep_agents(engine: Engine) -> int:
    epoch = fence.claim(engine, "processor-1", NOW_MS)
    agents = [agent("a", group_name="web"), agent("b", group_name="web"), agent("c", group_name="db"), agent("d")]
    keep_batch(engine, batch(agents=agents), epoch)
    return epoch


def test_groups_are_those_that_agents_name(store_engine: Engine) -> None:
    keep_agents(store_engine)
    with reading(store_engine) as connection:
        assert group_names(connection, ["a", "d", "nobody"]) == {"a": "web", "d": ""}
        assert [one.agent_id for one in list_agents(connection, None, 10, "web")] == ["a", "b"]
        assert [one.agent_id for one in list_agents(connection, "a", 10, "web")] == ["b"]
        assert list_agents(connection, None, 10, "nothing") == []


def test_a_setting_replaces_the_one_before(store_engine: Engine) -> None:
    first = GroupSetting(group_name="web", interval_seconds=10.0, collectors=["cpu"], updated_ms=1, author="ana")
    second = GroupSetting(group_name="web", interval_seconds=None, updated_ms=2, author="bob")
    with transaction(store_engine) as connection:
        keep_setting(connection, first)
        assert group_settings(connection)["web"] == first
        keep_setting(connection, GroupSetting(group_name="db", interval_seconds=2, updated_ms=1, author="ana"))
        keep_setting(connection, second)
        assert list(group_settings(connection)) == ["db", "web"]
        assert group_settings(connection)["web"] == second


def test_what_an_agent_measures_is_kept(store_engine: Engine) -> None:
    told = agent("a", collectors=["cpu", "disk"], collectors_told=True)
    epoch = fence.claim(store_engine, "processor-1", NOW_MS)
    keep_batch(store_engine, batch(agents=[told, agent("old")]), epoch)
    with reading(store_engine) as connection:
        assert list_agents(connection, None, 10) == [told, agent("old")]


def test_who_was_told_is_known_until_it_has_gone_back(store_engine: Engine) -> None:
    epoch = keep_agents(store_engine)
    with transaction(store_engine) as connection:
        for agent_id in ("a", "b", "a"):
            groups.note_told(connection, agent_id)
        for agent_id in ("a", "c"):
            groups.note_taken_back(connection, agent_id, f"of {agent_id}")
            commands.add(
                connection, command_id=f"of {agent_id}", agent_id=agent_id, kind="configure", created_ms=1, expires_ms=2
            )
        groups.forget_taken_back(connection)
        assert groups.told_agents(connection) == {"a", "b"}
    outcome = CommandOutcome(command_id="of a", outcome="done", detail="", received_ms=NOW_MS)
    keep_batch(store_engine, batch(outcomes=[outcome]), epoch)
    with transaction(store_engine) as connection:
        groups.forget_taken_back(connection)
        assert groups.told_agents(connection) == {"b"}
        groups.note_told(connection, "a")
        groups.forget_taken_back(connection)
        assert groups.told_agents(connection) == {"a", "b"}


def test_punctuality_is_read_by_receipt_within_its_time(store_engine: Engine) -> None:
    epoch = keep_agents(store_engine)
    punctual = [snapshot(number, "a") for number in range(1, 13)]
    late = [snapshot(number, "b", received_ms=NOW_MS + 59_000 + number) for number in range(1, 13)]
    keep_batch(store_engine, batch(snapshots=punctual + late), epoch)
    end_ms = NOW_MS + 60_000
    with reading(store_engine) as connection:
        agents = list_agents(connection, None, 10)
        seen = punctualities(connection, agents, NOW_MS - 1, end_ms)
        assert punctuality(connection, agents[0], NOW_MS - 1, end_ms) == seen["a"]
        first_half = punctuality(connection, agents[0], NOW_MS - 1, NOW_MS + 30_000)
    assert (seen["a"].snapshots, seen["a"].ratio, seen["a"].longest_pause_ms) == (12, 1.0, 5_000)
    assert (seen["b"].snapshots, seen["b"].ratio) == (12, 0.0)
    assert seen["c"].snapshots == 0
    assert seen["c"].ratio == 0.0
    assert first_half.snapshots == 6
