"""Groups: how they are, and that their agents are told how often to report, late comers too."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from helpdesk_api.desk import Desk
from helpdesk_api.group_keeper import MOST_COMMANDS, GroupKeeper
from store import commands
from store.engine import reading
from store.model import Batch, CommandOutcome
from tests.contract.http.conftest import NotingSender
from tests.contract.http.fleet import FLOWING, NOW_MS, agent, change, silent, snapshot

Keep = Callable[[Batch], object]


def put(client: TestClient, name: str, interval_seconds: float | None) -> Any:
    answer = client.put(f"/api/v1/groups/{name}", json={"interval_seconds": interval_seconds})
    assert answer.status_code == 200, answer.text
    return answer.json()


def told(sender: NotingSender) -> list[tuple[str, Any]]:
    return [(command.agent_id, command.arguments) for _, command in sender.sent]


@pytest.fixture
def web(keep: Keep) -> None:
    keep(FLOWING)
    web = {"group_name": "web", "labels": {"rack": "7"}}
    agents = [
        agent("w-1", **web),
        agent("w-2", **web, interval_ms=10_000),
        silent("w-3", **web),
        agent("d", group_name="db"),
    ]
    keep(Batch(agents=[*agents, agent("lone")], snapshots=[snapshot("w-1")], incidents=[change("w-1")]))


@pytest.mark.usefixtures("web")
def test_groups_show_their_worst_host(client: TestClient) -> None:
    groups = client.get("/api/v1/groups").json()["items"]
    assert [(one["name"], one["hosts"], one["state"], one["interval_seconds"]) for one in groups] == [
        ("db", 1, "ok", None),
        ("web", 3, "critical", None),
    ]
    listed = client.get("/api/v1/agents?group=web").json()["items"]
    assert [one["agent_id"] for one in listed] == ["w-1", "w-2", "w-3"]
    assert (listed[0]["group"], listed[0]["labels"]) == ("web", {"rack": "7"})


@pytest.mark.usefixtures("web")
def test_connected_agents_of_the_group_are_told_at_once(client: TestClient, sender: NotingSender, desk: Desk) -> None:
    answer = put(client, "web", 10)
    assert (answer["interval_seconds"], answer["differing"], answer["author"]) == (10.0, 2, "local")
    assert told(sender) == [("w-1", {"interval_seconds": 10.0})]
    [(address, command)] = sender.sent
    assert (address, command.kind) == ("amq.rabbitmq.reply-to.abc", "configure")
    with reading(desk.engine) as connection:
        noted = commands.get(connection, command.command_id)
    assert noted is not None
    assert noted.kind == "configure"
    assert client.get("/api/v1/groups").json()["items"][1] == answer


@pytest.mark.usefixtures("web")
def test_an_interval_taken_back_is_told_to_all(client: TestClient, sender: NotingSender) -> None:
    put(client, "web", 10)
    sender.sent.clear()
    assert put(client, "web", None)["interval_seconds"] is None
    assert told(sender) == [(name, {"interval_seconds": None}) for name in ("w-1", "w-2")]


@pytest.mark.usefixtures("web")
@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("web", ""),
        ("wbe", "No agent is in group wbe yet. Nearest names: web."),
        ("w-1", "No agent is in group w-1 yet. w-1 is a host, in group web."),
        ("lone.example", "No agent is in group lone.example yet. lone.example is a host, in no group."),
        ("cache", "No agent is in group cache yet. An agent joins by its settings: HEALTHMON_GROUP=cache"),
    ],
)
def test_a_group_that_nobody_is_in_comes_with_a_hint(client: TestClient, name: str, hint: str) -> None:
    assert put(client, name, 30)["hint"] == hint
    listed = client.get("/api/v1/groups").json()["items"]
    assert next(one["hint"] for one in listed if one["name"] == name) == hint


def test_a_group_that_was_set_by_mistake_can_be_taken_back(client: TestClient) -> None:
    put(client, "wbe", 30)
    answer = put(client, "wbe", None)
    assert (answer["name"], answer["interval_seconds"]) == ("wbe", None)
    assert client.get("/api/v1/groups").json()["items"] == []


def test_a_group_may_be_set_before_it_has_agents(client: TestClient, sender: NotingSender) -> None:
    answer = put(client, "new group", 30)
    assert (answer["name"], answer["hosts"], answer["state"]) == ("new group", 0, None)
    assert sender.sent == []


@pytest.mark.parametrize("wish", [{}, {"interval_seconds": 0.5}, {"interval_seconds": 301}, {"interval_seconds": "x"}])
def test_an_interval_that_cannot_be_is_refused(client: TestClient, wish: dict[str, Any]) -> None:
    assert client.put("/api/v1/groups/web", json=wish).status_code == 422


@pytest.mark.usefixtures("web")
def test_who_comes_later_is_told_too_and_ever_more_seldom(
    client: TestClient, desk: Desk, keep: Keep, sender: NotingSender
) -> None:
    put(client, "web", 10)
    sender.sent.clear()
    now_ms = NOW_MS
    keeper = GroupKeeper(replace(desk, now_ms=lambda: now_ms))
    keep(
        Batch(agents=[agent("w-3", group_name="web", last_seen_ms=NOW_MS + 10**9, snapshot_received_ms=NOW_MS + 10**9)])
    )
    seen = []
    for _ in range(40):
        keep(Batch(agents=[agent("w-1", group_name="web", last_seen_ms=now_ms, snapshot_received_ms=now_ms)]))
        seen.append(keeper.keep())
        now_ms += 30_000
    assert {name for name, _ in told(sender)} == {"w-1"}
    assert seen[0] == 1
    assert sum(seen) == 5  # after 1, 3, 7, 15 minutes and at once
    keep(Batch(agents=[agent("w-1", group_name="web", interval_ms=10_000, last_seen_ms=now_ms)]))
    assert keeper.keep() == 0
    assert keeper.asked == {}


def present(**changes: Any) -> Batch:
    return Batch(agents=[agent("w-1", **{"group_name": "web", "interval_ms": 10_000} | changes)])


def done(sender: NotingSender) -> Batch:
    """The agent's answer to what it was told last."""
    [*_, (_, command)] = sender.sent
    return Batch(
        outcomes=[CommandOutcome(command_id=command.command_id, outcome="done", detail="", received_ms=NOW_MS)]
    )


def test_an_interval_taken_back_reaches_who_was_away(
    client: TestClient, desk: Desk, keep: Keep, sender: NotingSender
) -> None:
    keep(Batch(agents=[agent("w-1", group_name="web"), agent("w-2", group_name="web", interval_ms=10_000)]))
    put(client, "web", 10)
    away_ms = NOW_MS - 240_000
    keep(present(last_seen_ms=away_ms, snapshot_received_ms=away_ms))
    put(client, "web", None)
    sender.sent.clear()
    keeper = GroupKeeper(desk)
    assert keeper.keep() == 0
    keep(present())
    assert keeper.keep() == 1
    assert told(sender) == [("w-1", {"interval_seconds": None})]  # w-2 was never told any: it is its own
    assert GroupKeeper(desk).keep() == 1  # while nobody knows whether it arrived
    keep(done(sender))
    assert GroupKeeper(desk).keep() == 0


def test_who_leaves_a_group_reports_as_its_own_files_say(
    client: TestClient, desk: Desk, keep: Keep, sender: NotingSender
) -> None:
    keep(Batch(agents=[agent("w-1", group_name="web")]))
    put(client, "web", 10)
    keep(present(group_name=""))
    assert GroupKeeper(desk).keep() == 1
    keep(done(sender))
    assert GroupKeeper(desk).keep() == 0
    assert told(sender)[1:] == [("w-1", {"interval_seconds": None})]
    keep(present(interval_ms=5_000))
    assert GroupKeeper(desk).keep() == 1  # it is back in the group
    assert told(sender)[2:] == [("w-1", {"interval_seconds": 10.0})]


def test_one_round_never_fills_the_road(client: TestClient, desk: Desk, keep: Keep, sender: NotingSender) -> None:
    put(client, "web", 10)
    keep(Batch(agents=[agent(f"w-{number}", group_name="web") for number in range(MOST_COMMANDS + 20)]))
    keeper = GroupKeeper(desk)
    assert [keeper.keep(), keeper.keep(), keeper.keep()] == [MOST_COMMANDS, 20, 0]
    assert len(sender.sent) == MOST_COMMANDS + 20


def test_an_address_that_is_nobodys_is_not_written_to(
    client: TestClient, desk: Desk, keep: Keep, sender: NotingSender
) -> None:
    keep(
        Batch(
            agents=[
                agent("w-1", group_name="web", reply_to="healthmon.ingest"),
                agent("w-2", group_name="web", reply_to=None),
            ]
        )
    )
    put(client, "web", 10)
    assert GroupKeeper(desk).keep() == 0
    assert sender.sent == []


@pytest.mark.parametrize("name", ["eu/web", "a b", "ü"])
def test_a_group_may_be_called_anything_that_can_be_read(client: TestClient, name: str) -> None:
    assert put(client, quote(name, safe=""), 10)["name"] == name
    assert [one["name"] for one in client.get("/api/v1/groups").json()["items"]] == [name]


@pytest.mark.parametrize("name", ["%00", "a%1bb", "%0a"])
def test_a_control_character_names_no_group(client: TestClient, name: str) -> None:
    assert client.put(f"/api/v1/groups/{name}", json={"interval_seconds": 5}).status_code == 422


ALL = ["cpu", "load", "memory", "swap", "disk", "disk_io", "network", "processes", "uptime"]


def choose(client: TestClient, **wish: Any) -> Any:
    answer = client.put("/api/v1/groups/web", json=wish)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_metric_groups_are_told_at_once_and_the_interval_stays(
    client: TestClient, keep: Keep, sender: NotingSender
) -> None:
    keep(Batch(agents=[agent("w-1", group_name="web", collectors=ALL), agent("old", group_name="web")]))
    put(client, "web", 10)
    sender.sent.clear()
    answer = choose(client, collectors=["memory", "cpu", "cpu"])
    assert (answer["interval_seconds"], answer["collectors"], answer["differing"]) == (10.0, ["cpu", "memory"], 2)
    assert told(sender) == [("w-1", {"collectors": ["cpu", "memory"]})]  # the other one is too old: it would refuse
    sender.sent.clear()
    answer = choose(client, interval_seconds=None)
    assert (answer["interval_seconds"], answer["collectors"]) == (None, ["cpu", "memory"])


def test_both_go_in_one_command(client: TestClient, keep: Keep, sender: NotingSender) -> None:
    keep(Batch(agents=[agent("w-1", group_name="web", collectors=ALL)]))
    choose(client, interval_seconds=10, collectors=["cpu"])
    assert told(sender) == [("w-1", {"interval_seconds": 10.0, "collectors": ["cpu"]})]


def test_a_choice_reaches_who_was_away_until_it_is_in_force(
    client: TestClient, desk: Desk, keep: Keep, sender: NotingSender
) -> None:
    away_ms = NOW_MS - 240_000
    keep(Batch(agents=[agent("w-1", group_name="web", collectors=ALL, last_seen_ms=away_ms)]))
    choose(client, collectors=["cpu"])
    assert told(sender) == []
    keep(Batch(agents=[agent("w-1", group_name="web", collectors=ALL)]))
    assert GroupKeeper(desk).keep() == 1
    assert told(sender) == [("w-1", {"collectors": ["cpu"]})]
    in_force = {"group_name": "web", "collectors": ["cpu"], "collectors_told": True}
    keep(Batch(agents=[agent("w-1", **in_force)]))
    assert GroupKeeper(desk).keep() == 0
    assert client.get("/api/v1/groups").json()["items"][0]["differing"] == 0
    keep(Batch(agents=[agent("w-1", **in_force, last_seen_ms=away_ms)]))
    choose(client, collectors=None)
    keep(Batch(agents=[agent("w-1", **in_force)]))
    assert GroupKeeper(desk).keep() == 1
    assert told(sender)[1:] == [("w-1", {"collectors": None})]
    keep(Batch(agents=[agent("w-1", group_name="web", collectors=ALL)]))
    assert GroupKeeper(desk).keep() == 0


def test_who_leaves_a_group_measures_as_its_own_files_say(
    client: TestClient, desk: Desk, keep: Keep, sender: NotingSender
) -> None:
    keep(Batch(agents=[agent("w-1", group_name="web", collectors=ALL)]))
    choose(client, collectors=["cpu"])
    keep(Batch(agents=[agent("w-1", group_name="", collectors=["cpu"], collectors_told=True)]))
    assert GroupKeeper(desk).keep() == 1
    assert told(sender)[1:] == [("w-1", {"collectors": None})]


@pytest.mark.parametrize("names", [[], ["gpu"], ["cpu", ""], "cpu", [1]])
def test_a_choice_that_cannot_be_is_refused_with_the_names(client: TestClient, names: Any) -> None:
    answer = client.put("/api/v1/groups/web", json={"collectors": names})
    assert answer.status_code == 422
    if names in ([], ["gpu"]):
        assert "name one at least of cpu, load" in answer.text
    assert client.get("/api/v1/groups").json()["items"] == []


def test_a_host_shows_what_is_switched_off_and_by_whom(client: TestClient, keep: Keep) -> None:
    keep(FLOWING)
    some = [name for name in ALL if name != "swap"]
    agents = [agent("w-1", collectors=some, collectors_told=True), agent("w-2", collectors=some), agent("old")]
    keep(Batch(agents=agents, snapshots=[snapshot("w-1")]))
    shown = {one["agent_id"]: one for one in client.get("/api/v1/agents").json()["items"]}
    assert (shown["w-1"]["collectors"], shown["old"]["collectors"]) == (some, [])
    assert [shown[name]["switched_off"] for name in ("w-1", "w-2", "old")] == [
        {"swap": "switched off by its group's setting"},
        {"swap": "switched off in its agent's file"},
        {},
    ]
    page = client.get("/h/w-1").text
    assert "switched off by its group&#39;s setting" in page
