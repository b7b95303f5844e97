"""A channel that could not take a problem hears of it anew when there is news of it, under another key."""

from health.state import State
from processor.notifiers.notifier import NotifierError
from store import notices
from store.model import Change
from store.response import NoticeKind
from tests.unit.processor.notify.conftest import NewHub
from tests.unit.processor.notify.hub import Hub

PROBLEM, REMINDER, RECOVERY = NoticeKind.PROBLEM, NoticeKind.REMINDER, NoticeKind.RECOVERY
BAD_SECRET = NotifierError("401", permanent=True)


def hub_with_a_dead_problem(new_hub: NewHub, **route: object) -> Hub:
    """Its secret was wrong, and somebody has mended it."""
    hub = new_hub(route)
    hub.ops.fails, hub.ops.takes = BAD_SECRET, False
    hub.happen(Change.OPENED)
    hub.pass_seconds(2)
    assert hub.kept[0].dead_ms is not None
    hub.ops.fails, hub.ops.takes = None, True
    return hub


def test_what_gets_worse_is_told_though_its_problem_is_dead(new_hub: NewHub) -> None:
    hub = hub_with_a_dead_problem(new_hub)
    hub.pass_seconds(100)
    assert hub.ops.told == []
    hub.happen(Change.WORSENED, severity=State.CRITICAL)
    hub.pass_seconds(2)
    hub.happen(Change.CLOSED)
    hub.pass_seconds(2)
    assert [notice.dedup_key for notice in hub.ops.notices] == ["1/ops/problem-2", "1/ops/recovery"]


def test_what_lasts_is_told_when_a_reminder_is_due_though_its_problem_is_dead(new_hub: NewHub) -> None:
    hub = hub_with_a_dead_problem(new_hub, remind_every_seconds=30)
    hub.pass_seconds(35)
    assert [notice.dedup_key for notice in hub.ops.notices] == ["1/ops/problem-2"]
    hub.pass_seconds(30)
    hub.happen(Change.CLOSED)
    hub.pass_seconds(2)
    assert hub.ops.told == [PROBLEM, REMINDER, RECOVERY]


def test_nobody_is_reminded_of_what_is_acknowledged_though_its_problem_is_dead(new_hub: NewHub) -> None:
    hub = hub_with_a_dead_problem(new_hub, remind_every_seconds=30)
    hub.acknowledge(1)
    hub.pass_seconds(100)
    assert hub.ops.told == []


def test_a_dead_problem_that_is_tried_again_after_another_told_of_it_is_void(new_hub: NewHub) -> None:
    hub = hub_with_a_dead_problem(new_hub)
    hub.happen(Change.WORSENED, severity=State.CRITICAL)
    hub.pass_seconds(2)
    assert notices.retry_dead(hub.engine, hub.kept[0].notice_no, hub.now_ms)
    hub.pass_seconds(2)
    assert hub.ops.told == [PROBLEM]
    assert hub.kept[0].why == "another notice told of it before"


def test_a_channel_that_refuses_for_good_is_tried_once_for_each_rise(new_hub: NewHub) -> None:
    hub = new_hub()
    hub.ops.fails, hub.ops.takes = BAD_SECRET, False
    hub.happen(Change.OPENED)
    hub.pass_seconds(3)
    for severity in (State.CRITICAL, State.WARNING, State.CRITICAL):
        hub.happen(Change.WORSENED, severity=severity)
        hub.pass_seconds(5)
    assert [notice.dedup_key for notice in hub.kept] == ["1/ops/problem", "1/ops/problem-2"]


def test_an_escalation_that_is_dead_is_told_anew_when_it_gets_worse(new_hub: NewHub) -> None:
    route = {"escalate_after_seconds": 10, "escalate_to": ["boss"]}
    hub = new_hub(route, channels=("ops", "boss"))
    boss = hub.receivers["boss"]
    boss.fails, boss.takes = BAD_SECRET, False
    hub.happen(Change.OPENED)
    hub.pass_seconds(20)
    boss.fails, boss.takes = None, True
    hub.happen(Change.WORSENED, severity=State.CRITICAL)
    hub.pass_seconds(2)
    hub.happen(Change.CLOSED)
    hub.pass_seconds(2)
    assert [notice.dedup_key for notice in boss.notices] == ["1/boss/escalation-2", "1/boss/recovery"]
