"""The first of a group leaves at once, the rest together; nothing that one notice may speak for floods anybody."""

from collections import defaultdict
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.notifiers.notifier import NotifierError
from processor.notify.grouping import Leaving, Timetable
from store.dependencies import add_dependency
from store.engine import transaction
from store.ingest import keep_batch
from store.model import HUB, Change, CheckKey
from store.response import Dependency, NoticeKind
from tests.contract.store.builders import agent, batch, change
from tests.unit.processor.notify.conftest import NewHub
from tests.unit.processor.notify.hub import Hub

WINDOW_SECONDS = 10
ROUTE = {"grouping_seconds": WINDOW_SECONDS}


def check(number: int, rule: str = "cpu") -> CheckKey:
    return CheckKey(f"web-{number}", rule, "")


def sizes(hub: Hub) -> list[int]:
    return [len(message.notices) for message in hub.ops.messages]


def burst(hub: Hub, numbers: range, rule: str = "cpu") -> None:
    """All in one transaction, as one batch of the keeper."""
    keys = [check(number, rule) for number in numbers]
    known = [agent(key.agent_id, host_name=key.agent_id, group_name="web") for key in keys]
    opened = [change(Change.OPENED, 1, key, at_ms=hub.now_ms) for key in keys]
    keep_batch(hub.engine, batch(agents=known, incidents=opened), hub.epoch)


def test_the_first_leaves_at_once_and_the_rest_together(new_hub: NewHub) -> None:
    hub = new_hub(ROUTE)
    hub.happen(Change.OPENED, check(1))
    hub.pass_seconds(1)
    assert sizes(hub) == [1]
    for number in (2, 3):
        hub.happen(Change.OPENED, check(number))
        hub.pass_seconds(3)
    assert sizes(hub) == [1]
    hub.pass_seconds(WINDOW_SECONDS - 6)
    assert sizes(hub) == [1, 2]


def test_a_batch_is_one_message_and_leaves_at_once(new_hub: NewHub) -> None:
    hub = new_hub(ROUTE)
    burst(hub, range(50))
    hub.pass_seconds(1)
    assert sizes(hub) == [50]


def test_another_window_follows_what_was_gathered(new_hub: NewHub) -> None:
    hub = new_hub(ROUTE)
    for number in range(40):
        hub.happen(Change.OPENED, check(number))
        hub.pass_seconds(1)
    assert sizes(hub) == [1, 10, 10, 10]
    hub.pass_seconds(2 * WINDOW_SECONDS + 1)
    hub.happen(Change.OPENED, check(99))
    hub.pass_seconds(1)
    assert sizes(hub)[4:] == [9, 1]


def test_each_route_and_each_channel_has_its_own_window(new_hub: NewHub) -> None:
    cpu, other = ROUTE | {"rules": ["cpu"]}, ROUTE | {"channels": ["ops", "boss"]}
    hub = new_hub(cpu, other, channels=("ops", "boss"))
    hub.happen(Change.OPENED, check(1))
    hub.pass_seconds(1)
    hub.happen(Change.OPENED, check(1, "disk"))
    hub.pass_seconds(1)
    assert sizes(hub) == [1, 1]
    assert [notice.payload["rule"] for notice in hub.receivers["boss"].notices] == ["disk"]


def test_a_problem_that_is_over_soon_is_told_with_its_end(new_hub: NewHub) -> None:
    hub = new_hub(ROUTE)
    hub.happen(Change.OPENED, check(1))
    hub.pass_seconds(2)
    hub.happen(Change.CLOSED, check(1))
    hub.pass_seconds(2 * WINDOW_SECONDS)
    assert hub.ops.told == [NoticeKind.PROBLEM, NoticeKind.RECOVERY]


def test_hosts_that_fall_silent_one_after_the_other_are_told_as_one(new_hub: NewHub) -> None:
    hub = new_hub(ROUTE)
    for number in range(5):
        hub.happen(Change.OPENED, check(number, "agent-silent"))
        hub.pass_seconds(1)
    hub.happen(Change.OPENED, CheckKey(HUB, "group-silent", 'group="web"'))
    hub.pass_seconds(2 * WINDOW_SECONDS)
    assert [notice.payload["rule"] for notice in hub.ops.notices] == ["group-silent"]


def test_who_is_silent_alone_is_told_after_the_window(new_hub: NewHub) -> None:
    hub = new_hub(ROUTE)
    hub.happen(Change.OPENED, check(1, "agent-silent"))
    hub.pass_seconds(WINDOW_SECONDS)
    assert hub.ops.messages == []
    hub.happen(Change.OPENED, check(2))
    hub.pass_seconds(1)
    assert sorted(str(notice.payload["rule"]) for notice in hub.ops.notices) == ["agent-silent", "cpu"]


def test_what_stands_behind_another_host_waits_for_what_may_explain_it(new_hub: NewHub) -> None:
    hub = new_hub(ROUTE)
    for key in (check(1), check(2)):
        hub.happen(Change.CLOSED, key)
    with transaction(hub.engine) as connection:
        wanted = Dependency(
            dependency_no=0, agent_id="web-1", parent_agent_id="web-2", parent_rule="cpu", parent_subject=""
        )
        add_dependency(connection, wanted)
    hub.happen(Change.OPENED, check(1))
    hub.pass_seconds(5)
    hub.happen(Change.OPENED, check(2))
    hub.pass_seconds(1)
    assert [notice.payload["agent_id"] for notice in hub.ops.notices] == ["web-2"]
    hub.pass_seconds(2 * WINDOW_SECONDS)
    assert [notice.payload["agent_id"] for notice in hub.ops.notices] == ["web-2"]


def test_the_next_processor_adds_to_what_was_gathered(new_hub: NewHub) -> None:
    hub = new_hub(ROUTE)
    hub.happen(Change.OPENED, check(1))
    hub.pass_seconds(3)
    hub.happen(Change.OPENED, check(2))
    hub.pass_seconds(1)
    hub.restart()
    hub.happen(Change.OPENED, check(3))
    hub.pass_seconds(WINDOW_SECONDS)
    assert sizes(hub) == [1, 2]


def test_a_pass_that_failed_opens_no_window(new_hub: NewHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = new_hub(ROUTE)
    hub.happen(Change.OPENED, check(1))
    with monkeypatch.context() as patch:
        patch.setattr("store.outbox.offer", lambda *_: (_ for _ in ()).throw(NotifierError("the database is away")))
        with pytest.raises(NotifierError):
            hub.pass_seconds(1)
    hub.pass_seconds(1)
    assert sizes(hub) == [1]


@given(st.lists(st.tuples(st.integers(0, 4_000), st.booleans()), max_size=60), st.integers(1, 10_000))
def test_a_group_leaves_once_a_window_and_nothing_waits_longer(news: list[tuple[int, bool]], window_ms: int) -> None:
    leaving: Leaving = {}
    now_ms, departures = 0, defaultdict(set)
    for later_ms, is_silent in news:
        now_ms += later_ms
        timetable = Timetable(leaving, (), (), now_ms)
        rule = "agent-silent" if is_silent else "cpu"
        due_ms = timetable.due_ms("ops", "1", rule, "web-1", window_ms)
        leaving = timetable.leaving
        assert now_ms <= due_ms <= now_ms + window_ms
        departures[is_silent].add(due_ms)
    for times in map(sorted, departures.values()):
        assert all(later - earlier >= window_ms for earlier, later in pairwise(times))
