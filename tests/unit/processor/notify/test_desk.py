"""What the desk does, one thing at a time, over a real store."""

import json
from dataclasses import replace

import pytest

from health.state import State
from processor.notifiers.notifier import NotifierError
from processor.notify.desk import FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS, retry_delay_ms
from store import fence, notices
from store.engine import reading, transaction
from store.fence import Fenced
from store.incidents import get_incident
from store.model import HUB, Change, CheckKey, Remedy, Step
from store.response import NoticeKind
from tests.contract.store.builders import KEY
from tests.unit.processor.notify.conftest import NewHub
from tests.unit.processor.notify.hub import Hub

PROBLEM, WORSE, FLAPPING, REMINDER, ESCALATION, RECOVERY, TEST = NoticeKind
CPU = CheckKey("web-2", "cpu", "")
REFUSED = NotifierError("refused")
UNSURE = NotifierError("no answer", is_unsure=True)
BAD_URL = NotifierError("404", permanent=True)


def in_a_window(new_hub: NewHub) -> Hub:
    """A hub that has just told of something: what follows waits."""
    hub = new_hub({"grouping_seconds": 10})
    hub.happen(Change.OPENED, CheckKey("first", "cpu", ""))
    hub.pass_seconds()
    hub.ops.messages.clear()
    return hub


def test_a_problem_and_its_end_are_told_once_each(new_hub: NewHub) -> None:
    hub = new_hub()
    hub.happen(Change.OPENED)
    hub.pass_seconds(3)
    hub.happen(Change.CLOSED)
    hub.pass_seconds(3)
    assert hub.ops.told == [PROBLEM, RECOVERY]
    assert len(hub.ops.messages) == 2
    assert hub.waiting == []


def test_a_notice_says_what_to_do_and_where_to_look(new_hub: NewHub) -> None:
    hub = new_hub()
    steps = [Step(text="Find what is large", command="du -xh /var"), Step(text="Delete it")]
    remedy = Remedy(slug="disk", title="Disk", confidence="exact", reason="", steps=steps)
    number = hub.happen(Change.OPENED, remedies=[remedy], sentence="/var is 96 % full", title="/var fills")
    hub.pass_seconds()
    [notice] = hub.ops.notices
    said = {key: notice.payload[key] for key in ("sentence", "severity", "host", "step", "command", "url", "group")}
    assert said == {
        "sentence": "/var is 96 % full",
        "severity": "warning",
        "host": "web-1.example",
        "step": "Find what is large",
        "command": "du -xh /var",
        "url": f"https://hub/i/{number}",
        "group": "web",
    }
    assert notice.dedup_key == f"{number}/ops/problem"
    assert json.dumps(dict(notice.payload))


def test_what_was_over_before_it_left_is_told_to_nobody(new_hub: NewHub) -> None:
    hub = in_a_window(new_hub)
    hub.happen(Change.OPENED)
    hub.pass_seconds(3)
    hub.happen(Change.CLOSED)
    hub.pass_seconds(30)
    assert hub.ops.told == []
    assert hub.kept[-1].why == "it was over before it could be told"


def test_what_may_have_arrived_is_told_again_before_its_end(new_hub: NewHub) -> None:
    hub = new_hub()
    hub.ops.fails = UNSURE
    hub.happen(Change.OPENED)
    hub.pass_seconds()
    hub.happen(Change.CLOSED)
    hub.pass_seconds()
    hub.ops.fails = None
    hub.pass_seconds(60)
    assert [notice.kind for notice in hub.ops.notices] == [PROBLEM, PROBLEM, RECOVERY]
    first, again, _ = hub.ops.messages
    assert first.key == again.key


def test_a_crash_after_sending_sends_the_same_again(new_hub: NewHub) -> None:
    hub = new_hub()
    hub.happen(Change.OPENED)
    hub.pass_seconds()
    hub.restart()
    hub.pass_seconds(29)
    assert len(hub.ops.messages) == 1
    hub.pass_seconds(3)
    first, again = hub.ops.messages
    assert first.key == again.key
    assert hub.waiting == []


def test_messages_that_may_have_arrived_keep_their_company(new_hub: NewHub) -> None:
    hub = new_hub()
    for check in (KEY, CPU):
        hub.happen(Change.OPENED, check)
    hub.ops.fails = UNSURE
    hub.pass_seconds(2)
    hub.ops.fails = None
    hub.happen(Change.OPENED, replace(CPU, agent_id="web-3"))
    hub.pass_seconds(60)
    by_size = {size: [each for each in hub.ops.messages if len(each.notices) == size] for size in (1, 2)}
    [_], [both, again] = by_size[1], by_size[2]
    assert both.key == again.key


def test_nobody_hears_of_what_is_muted_until_the_mute_ends(new_hub: NewHub) -> None:
    hub = new_hub()
    hub.happen(Change.OPENED)
    hub.happen(Change.OPENED, CPU)
    mute_no = hub.mute(agent_id="web-1")
    hub.pass_seconds(5)
    assert [notice.payload["rule"] for notice in hub.ops.notices] == ["cpu"]
    hub.lift(mute_no)
    hub.pass_seconds(2)
    assert [notice.payload["rule"] for notice in hub.ops.notices] == ["cpu", KEY.rule]


def test_a_recovery_waits_for_the_end_of_a_mute(new_hub: NewHub) -> None:
    hub = new_hub()
    hub.happen(Change.OPENED)
    hub.pass_seconds(2)
    mute_no = hub.mute()
    hub.happen(Change.CLOSED)
    hub.pass_seconds(5)
    hub.restart()
    hub.pass_seconds(5)
    assert hub.ops.told == [PROBLEM]
    hub.lift(mute_no)
    hub.pass_seconds(2)
    assert hub.ops.told == [PROBLEM, RECOVERY]


def test_late_findings_are_told_to_nobody_until_a_live_record_shows_them(new_hub: NewHub) -> None:
    hub = new_hub()
    hub.happen(Change.OPENED, is_late=True)
    hub.pass_seconds(3)
    assert hub.ops.told == []
    hub.happen(Change.WORSENED)
    hub.pass_seconds(3)
    assert hub.ops.told == [PROBLEM]


def test_worse_is_told_and_easier_is_not(new_hub: NewHub) -> None:
    hub = new_hub()
    hub.happen(Change.OPENED)
    hub.pass_seconds(2)
    for what, severity in [
        (Change.WORSENED, State.CRITICAL),
        (Change.EASED, State.WARNING),
        (Change.WORSENED, State.CRITICAL),
    ]:
        hub.happen(what, severity=severity)
        hub.pass_seconds(3)
    assert hub.ops.told == [PROBLEM, WORSE]
    assert len(hub.ops.messages) == 2


def test_flapping_is_told_once_a_period_and_then_how_it_ended(new_hub: NewHub) -> None:
    hub = new_hub({"remind_every_seconds": 2})
    hub.happen(Change.OPENED)
    hub.happen(Change.FLAPPING)
    hub.pass_seconds(20)
    hub.happen(Change.SETTLED)
    hub.happen(Change.CLOSED)
    hub.pass_seconds(5)
    assert hub.ops.told == [FLAPPING, RECOVERY]
    assert len(hub.ops.messages) == 2


def test_what_begins_to_flap_before_it_left_is_told_as_flapping(new_hub: NewHub) -> None:
    hub = in_a_window(new_hub)
    hub.happen(Change.OPENED)
    hub.pass_seconds(5)
    hub.happen(Change.FLAPPING)
    hub.pass_seconds(30)
    assert hub.ops.told == [FLAPPING]


def test_what_calms_down_before_it_left_is_told_as_a_problem(new_hub: NewHub) -> None:
    hub = in_a_window(new_hub)
    hub.happen(Change.OPENED)
    hub.happen(Change.FLAPPING)
    hub.pass_seconds(5)
    hub.happen(Change.SETTLED)
    hub.pass_seconds(30)
    assert hub.ops.told == [PROBLEM]


def test_what_may_have_arrived_before_a_mute_is_told_again_after_it(new_hub: NewHub) -> None:
    hub = new_hub()
    hub.ops.fails, hub.ops.takes = UNSURE, False
    hub.happen(Change.OPENED)
    hub.pass_seconds(2)
    mute_no = hub.mute()
    hub.happen(Change.CLOSED)
    hub.pass_seconds(60)
    hub.ops.fails, hub.ops.takes = None, True
    hub.lift(mute_no)
    hub.pass_seconds(5)
    assert hub.ops.told == [PROBLEM, RECOVERY]


def test_reminders_until_somebody_acknowledges(new_hub: NewHub) -> None:
    hub = new_hub({"remind_every_seconds": 10})
    number = hub.happen(Change.OPENED)
    hub.pass_seconds(24)
    assert hub.ops.told == [PROBLEM, REMINDER, REMINDER]
    hub.acknowledge(number)
    hub.pass_seconds(30)
    assert hub.ops.told == [PROBLEM, REMINDER, REMINDER]


@pytest.mark.parametrize("acknowledged", [False, True])
def test_escalates_what_nobody_acknowledged(new_hub: NewHub, acknowledged: bool) -> None:
    route = {"escalate_after_seconds": 10, "escalate_to": ["boss"]}
    hub = new_hub(route, channels=("ops", "boss"))
    hub.ops.fails = REFUSED  # it counts from when somebody was to be told
    hub.ops.takes = False
    number = hub.happen(Change.OPENED)
    hub.pass_seconds(9)
    if acknowledged:
        hub.acknowledge(number)
    hub.pass_seconds(4)
    hub.happen(Change.CLOSED)
    hub.pass_seconds(4)
    assert hub.receivers["boss"].told == ([] if acknowledged else [ESCALATION, RECOVERY])


def test_the_silence_of_a_host_speaks_for_its_checks(new_hub: NewHub) -> None:
    hub = new_hub()
    silent = CheckKey("web-1", "agent-silent", "")
    hub.happen(Change.OPENED, silent)
    hub.happen(Change.OPENED)
    hub.pass_seconds(5)
    assert [notice.payload["rule"] for notice in hub.ops.notices] == ["agent-silent"]
    hub.happen(Change.CLOSED, silent)
    hub.pass_seconds(3)
    assert [notice.payload["rule"] for notice in hub.ops.notices][1:] == ["agent-silent", KEY.rule]


def test_trouble_on_the_way_of_all_records_speaks_for_all(new_hub: NewHub) -> None:
    hub = new_hub()
    with transaction(hub.engine) as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM agent WHERE agent_id = ''").scalar() == 1
    hub.happen(Change.OPENED, CheckKey(HUB, "pipeline", ""))
    hub.happen(Change.OPENED, CheckKey("web-1", "agent-silent", ""))
    hub.pass_seconds(5)
    assert [notice.payload["rule"] for notice in hub.ops.notices] == ["pipeline"]


def test_a_dead_problem_stops_nobody_and_is_tried_again_when_asked(new_hub: NewHub) -> None:
    hub = new_hub({"channels": ["ops", "other"]}, channels=("ops", "other"))
    hub.ops.fails, hub.ops.takes = BAD_URL, False
    hub.happen(Change.OPENED)
    hub.pass_seconds(5)
    [dead] = [notice for notice in hub.kept if notice.channel == "ops"]
    assert dead.dead_ms is not None
    assert dead.why == "404"
    assert hub.receivers["other"].told == [PROBLEM]
    hub.ops.fails, hub.ops.takes = None, True
    hub.happen(Change.OPENED, CPU)
    hub.pass_seconds(2)
    assert [notice.payload["rule"] for notice in hub.ops.notices] == ["cpu"]
    assert notices.retry_dead(hub.engine, dead.notice_no, hub.now_ms)
    hub.pass_seconds(2)
    assert [notice.payload["rule"] for notice in hub.ops.notices] == ["cpu", KEY.rule]


def test_what_cannot_be_delivered_for_a_day_is_dead(new_hub: NewHub) -> None:
    hub = new_hub()
    hub.ops.fails, hub.ops.takes = REFUSED, False
    hub.happen(Change.OPENED)
    for _ in range(23 * 6):
        hub.pass_seconds(601, at_once=True)
    assert len(hub.waiting) == 1
    assert hub.waiting[0].attempts > 50
    for _ in range(8):
        hub.pass_seconds(601, at_once=True)
    assert hub.waiting == []
    assert hub.kept[0].why == "not delivered within 24 hours: refused"


def test_a_notifier_that_was_away_loses_nothing_and_doubles_nothing(new_hub: NewHub) -> None:
    hub = new_hub()
    lasting = [hub.happen(Change.OPENED, CheckKey(f"db-{host}", "disk", "")) for host in range(5)]
    hub.pass_seconds(2)
    hub.ops.fails, hub.ops.takes = REFUSED, False
    for host in range(5):
        hub.happen(Change.CLOSED, CheckKey(f"db-{host}", "disk", ""))
        hub.happen(Change.OPENED, CheckKey(f"web-{host}", "cpu", ""))
    hub.happen(Change.OPENED, CheckKey("brief", "cpu", ""))
    hub.pass_seconds(300, at_once=True)
    hub.happen(Change.CLOSED, CheckKey("brief", "cpu", ""))
    hub.pass_seconds(300, at_once=True)
    hub.ops.fails, hub.ops.takes = None, True
    for _ in range(3):
        hub.pass_seconds(600, at_once=True)
    keys = [notice.dedup_key for notice in hub.ops.notices]
    assert len(keys) == len(set(keys)) == 15
    assert {notice.number for notice in hub.ops.notices if notice.kind is RECOVERY} == set(lasting)
    assert "brief.example" not in {notice.payload["host"] for notice in hub.ops.notices}


def test_a_test_goes_out_and_its_answer_is_kept(new_hub: NewHub) -> None:
    hub = new_hub()
    number = notices.add_test(hub.engine, "ops", hub.now_ms)
    hub.pass_seconds(2)
    assert hub.ops.told == [TEST]
    [kept] = hub.kept
    assert (kept.notice_no, kept.why, kept.delivered_ms) == (number, "taken", hub.now_ms)


def test_a_channel_that_went_leaves_its_notices_dead(new_hub: NewHub) -> None:
    hub = new_hub()
    notices.add_test(hub.engine, "pager", hub.now_ms)
    hub.pass_seconds(2)
    assert [notice.why for notice in hub.kept] == ["there is no channel pager in the settings any more"]


def test_whoever_lost_the_fence_tells_nobody(new_hub: NewHub) -> None:
    hub = new_hub()
    hub.happen(Change.OPENED)
    fence.claim(hub.engine, "another", hub.now_ms)
    with pytest.raises(Fenced):
        hub.pass_seconds()
    assert hub.ops.messages == []


def test_the_timeline_names_who_was_told(new_hub: NewHub) -> None:
    hub = new_hub()
    number = hub.happen(Change.OPENED)
    hub.pass_seconds(2)
    hub.happen(Change.CLOSED)
    hub.pass_seconds(2)
    with reading(hub.engine) as connection:
        incident = get_incident(connection, number)
    assert incident is not None
    told = [entry.sentence for entry in incident.timeline if entry.change is Change.NOTIFIED]
    assert told == ["told ops", "told ops that it is over"]


def test_delays_grow_up_to_ten_minutes_and_differ() -> None:
    for attempts in (1, 2, 5, 8, 500):
        longest_ms = min(LAST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** (attempts - 1)) * 1000
        delays = [retry_delay_ms(attempts) for _ in range(200)]
        assert 0 <= min(delays) < longest_ms / 2 < max(delays) <= longest_ms
