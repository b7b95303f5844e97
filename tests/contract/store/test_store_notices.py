"""The outbox: offered once, leased, delivered or dead; what people see of it, and what stays how long."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine

from health.state import State
from store import fence, notices, outbox
from store.engine import reading, transaction
from store.incident_acts import acknowledge
from store.incidents import get_incident
from store.ingest import keep_batch
from store.model import Change, CheckKey
from store.response import Notice, NoticeKind
from store.retention import drop_before
from tests.contract.store.builders import KEY, NOW_MS, agent, batch, change

DAY_MS = 86_400_000


@pytest.fixture
def epoch(store_engine: Engine) -> int:
    return fence.claim(store_engine, "processor-1", NOW_MS)


@pytest.fixture
def number(store_engine: Engine, epoch: int) -> int:
    """An open incident."""
    known = agent(host_name="web-1.example", group_name="web")
    return keep_batch(store_engine, batch(agents=[known], incidents=[change()]), epoch).incident_numbers[KEY]


def notice(number: int | None, key: str = "1/ops/problem", **fields: Any) -> Notice:
    whole = Notice(
        notice_no=0,
        number=number,
        channel="ops",
        kind=NoticeKind.PROBLEM,
        dedup_key=key,
        created_ms=NOW_MS,
        due_ms=NOW_MS + 10,
        payload={"severity": "warning"},
    )
    return replace(whole, **fields)


def offered(engine: Engine, *offers: Notice) -> list[Notice]:
    with transaction(engine) as connection:
        for each in offers:
            outbox.offer(connection, each)
    return listed(engine)


def listed(engine: Engine) -> list[Notice]:
    """All notices, oldest first."""
    with reading(engine) as connection:
        return notices.list_notices(connection, "all", None, 100)[::-1]


def do(engine: Engine, step: Any, *arguments: Any, **named: Any) -> None:
    with transaction(engine) as connection:
        step(connection, *arguments, **named)


def counted(engine: Engine) -> Mapping[str, int]:
    with reading(engine) as connection:
        return {state: count for state, count in notices.counts(connection).items() if count}


def test_what_is_offered_again_is_there_once(store_engine: Engine, number: int) -> None:
    first = offered(store_engine, notice(number))
    again = offered(store_engine, notice(number, due_ms=NOW_MS + 99, payload={"severity": "critical"}))
    assert first == again == [notice(number, notice_no=first[0].notice_no)]
    with reading(store_engine) as connection:
        assert outbox.waiting(connection) == notices.notices_of(connection, number) == first


def test_what_was_cancelled_comes_back_with_new_words(store_engine: Engine, number: int) -> None:
    [kept] = offered(store_engine, notice(number))
    do(store_engine, outbox.cancel, kept.notice_no, "muted", NOW_MS + 1)
    assert counted(store_engine) == {"cancelled": 1}
    [back] = offered(
        store_engine, notice(number, created_ms=NOW_MS + 5, due_ms=NOW_MS + 5, payload={"severity": "critical"})
    )
    assert back == replace(kept, created_ms=NOW_MS + 5, due_ms=NOW_MS + 5, payload={"severity": "critical"})


def test_only_what_waits_is_cancelled(store_engine: Engine, number: int) -> None:
    [kept] = offered(store_engine, notice(number))
    do(store_engine, outbox.mark_delivered, [kept], "", NOW_MS)
    do(store_engine, outbox.cancel, kept.notice_no, "muted", NOW_MS + 1)
    assert counted(store_engine) == {"delivered": 1}


def test_delivery_is_told_in_the_timeline_once(store_engine: Engine, number: int) -> None:
    [kept] = offered(store_engine, notice(number))
    for _ in range(2):
        do(store_engine, outbox.mark_delivered, [kept], "200 OK", NOW_MS + 7)
    [delivered] = listed(store_engine)
    assert (delivered.delivered_ms, delivered.attempts, delivered.why) == (NOW_MS + 7, 1, "200 OK")
    with reading(store_engine) as connection:
        incident = get_incident(connection, number)
    assert incident is not None
    told = [(entry.change, entry.sentence, entry.at_ms) for entry in incident.timeline[1:]]
    assert told == [(Change.NOTIFIED, "told ops", NOW_MS + 7)]


def test_later_changes_are_kept_though_somebody_was_told(store_engine: Engine, number: int, epoch: int) -> None:
    [kept] = offered(store_engine, notice(number))
    do(store_engine, outbox.mark_delivered, [kept], "", NOW_MS + 7)
    keep_batch(store_engine, batch(incidents=[change(Change.CLOSED, 2)]), epoch)
    with reading(store_engine) as connection:
        incident = get_incident(connection, number)
    assert incident is not None
    assert incident.closed_ms == NOW_MS + 2


def test_a_failure_waits_and_remembers_whether_it_may_have_arrived(store_engine: Engine, number: int) -> None:
    [kept] = offered(store_engine, notice(number))
    do(store_engine, outbox.claim, [kept.notice_no], NOW_MS + 30_000)
    times = {"due_ms": NOW_MS + 60_000, "leased_until_ms": NOW_MS + 20, "now_ms": NOW_MS + 20}
    do(store_engine, outbox.mark_failed, kept.notice_no, "no answer", **times)
    [failed] = listed(store_engine)
    assert (failed.due_ms, failed.leased_until_ms, failed.attempts, failed.why) == (
        NOW_MS + 60_000,
        NOW_MS + 20,
        1,
        "no answer",
    )


def test_a_dead_notice_waits_again_when_somebody_says_so(store_engine: Engine, number: int) -> None:
    [kept] = offered(store_engine, notice(number))
    assert not notices.retry_dead(store_engine, kept.notice_no, NOW_MS)
    gone = {"due_ms": None, "leased_until_ms": None, "now_ms": NOW_MS + 1}
    do(store_engine, outbox.mark_failed, kept.notice_no, "404", **gone)
    assert counted(store_engine) == {"dead": 1}
    assert not notices.retry_dead(store_engine, kept.notice_no + 1, NOW_MS)
    assert notices.retry_dead(store_engine, kept.notice_no, NOW_MS + 5)
    [back] = listed(store_engine)
    assert (back.dead_ms, back.attempts, back.created_ms, back.due_ms) == (None, 0, NOW_MS + 5, NOW_MS + 5)


def test_a_test_is_a_notice_of_no_incident(store_engine: Engine) -> None:
    first, second = (notices.add_test(store_engine, "ops", NOW_MS) for _ in range(2))
    assert first < second
    with reading(store_engine) as connection:
        kept = notices.get_notice(connection, first)
        assert notices.get_notice(connection, second + 1) is None
        assert [each.notice_no for each in notices.list_notices(connection, "waiting", None, 1)] == [second]
        assert [each.notice_no for each in notices.list_notices(connection, "waiting", second, 9)] == [first]
        assert notices.list_notices(connection, "dead", None, 9) == []
    assert kept is not None
    assert (kept.kind, kept.number, kept.channel, kept.due_ms) == (NoticeKind.TEST, None, "ops", NOW_MS)


def test_facts_are_of_open_incidents_and_of_those_asked_for(store_engine: Engine, number: int, epoch: int) -> None:
    other = CheckKey("web-1", "cpu", "")
    changes = [change(key=other, severity=State.CRITICAL), change(Change.CLOSED, 2, key=other)]
    closed = keep_batch(store_engine, batch(agents=[], incidents=changes), epoch).incident_numbers[other]
    do(store_engine, acknowledge, number, "ada", NOW_MS + 3)
    with reading(store_engine) as connection:
        [one] = outbox.facts(connection, ())
        assert [each.number for each in outbox.facts(connection, {closed, number, 999})] == [number, closed]
    assert (one.number, one.key, one.host, one.group_name) == (number, KEY, "web-1.example", "web")
    assert (one.severity, one.acknowledged_ms, one.closed_ms) == (State.WARNING, NOW_MS + 3, None)


def test_who_takes_over_finds_what_is_not_settled(store_engine: Engine, number: int, epoch: int) -> None:
    def unsettled() -> set[int]:
        with reading(store_engine) as connection:
            return outbox.unsettled(connection)

    [kept] = offered(store_engine, notice(number))
    assert unsettled() == set()
    keep_batch(store_engine, batch(agents=[], incidents=[change(Change.CLOSED, 2)]), epoch)
    assert unsettled() == {number}
    do(store_engine, outbox.mark_delivered, [kept], "", NOW_MS)
    assert unsettled() == {number}
    recovery = notice(number, "1/ops/recovery", kind=NoticeKind.RECOVERY)
    [_, ended] = offered(store_engine, recovery, notice(number, "1/ops/recovery", kind=NoticeKind.RECOVERY))
    assert unsettled() == {number}
    do(store_engine, outbox.mark_delivered, [ended], "", NOW_MS)
    assert unsettled() == set()


def test_notices_stay_with_their_incident_and_the_dead_longer(store_engine: Engine, number: int, epoch: int) -> None:
    [kept] = offered(store_engine, notice(number))
    test_no = notices.add_test(store_engine, "ops", NOW_MS)
    dead = {"due_ms": None, "leased_until_ms": None}
    do(store_engine, outbox.mark_delivered, [kept], "", NOW_MS)
    do(store_engine, outbox.mark_failed, test_no, "404", **dead, now_ms=NOW_MS)
    assert drop_before(store_engine, NOW_MS + DAY_MS, epoch, NOW_MS) == 0
    [_, _, worse] = offered(store_engine, notice(number, "1/ops/worse", kind=NoticeKind.WORSE))
    do(store_engine, outbox.mark_failed, worse.notice_no, "404", **dead, now_ms=NOW_MS + 9)
    keep_batch(store_engine, batch(agents=[], incidents=[change(Change.CLOSED, 2)]), epoch)
    assert drop_before(store_engine, NOW_MS + DAY_MS, epoch, NOW_MS + 9) == 1
    assert counted(store_engine) == {"delivered": 1, "dead": 1}
    assert drop_before(store_engine, NOW_MS + DAY_MS, epoch, NOW_MS + 10) == 1
    assert listed(store_engine) == []


def test_an_incident_stays_until_whoever_waits_for_its_end_was_told(
    store_engine: Engine, number: int, epoch: int
) -> None:
    keep_batch(store_engine, batch(agents=[], incidents=[change(Change.CLOSED, 2)]), epoch)
    [recovery] = offered(store_engine, notice(number, "1/ops/recovery", kind=NoticeKind.RECOVERY))
    assert drop_before(store_engine, NOW_MS + DAY_MS, epoch) == 0
    assert listed(store_engine) == [recovery]
    do(store_engine, outbox.mark_delivered, [recovery], "", NOW_MS)
    assert drop_before(store_engine, NOW_MS + DAY_MS, epoch) == 1
    assert listed(store_engine) == []


def test_a_log_holds_the_oldest_and_the_newest_of_what_comes_back(store_engine: Engine, number: int) -> None:
    reminders = [notice(number, f"1/ops/reminder-{no}", kind=NoticeKind.REMINDER) for no in range(1, 6)]
    elsewhere = notice(number, "1/boss/reminder-1", kind=NoticeKind.REMINDER, channel="boss")
    problem, *kept, other = offered(store_engine, notice(number), *reminders, elsewhere)
    do(store_engine, outbox.mark_delivered, [problem, *kept[:3], other], "", NOW_MS)
    do(store_engine, outbox.cancel, kept[3].notice_no, "acknowledged", NOW_MS)
    with reading(store_engine) as connection:
        log = outbox.log_of(connection, [number, 999])
        assert outbox.log_of(connection, []) == []
    ends = (problem, kept[0], kept[2], kept[4], other)
    assert [each.notice_no for each in log] == [one.notice_no for one in ends]


def test_what_waits_has_another_mark_when_it_waits_otherwise(store_engine: Engine, number: int) -> None:
    def mark() -> outbox.WaitingMark:
        with reading(store_engine) as connection:
            return outbox.waiting_mark(connection)

    marks = [mark()]
    [kept] = offered(store_engine, notice(number))
    marks.append(mark())
    do(store_engine, outbox.claim, [kept.notice_no], NOW_MS + 30_000)
    marks.append(mark())
    times = {"due_ms": NOW_MS + 60_000, "leased_until_ms": None, "now_ms": NOW_MS}
    do(store_engine, outbox.mark_failed, kept.notice_no, "refused", **times)
    marks.append(mark())
    assert len(set(marks)) == 4
    do(store_engine, outbox.mark_delivered, [kept], "", NOW_MS)
    assert mark() == marks[0]


def test_new_entries_of_timelines_name_their_incidents(store_engine: Engine, number: int) -> None:
    with reading(store_engine) as connection:
        newest = outbox.newest_entry(connection)
        assert list(outbox.entries_after(connection, 0).values()) == [number]
    do(store_engine, acknowledge, number, "ada", NOW_MS + 3)
    with reading(store_engine) as connection:
        assert outbox.entries_after(connection, newest) == {outbox.newest_entry(connection): number}


def test_facts_are_found_by_number_and_by_agent(store_engine: Engine, number: int) -> None:
    with reading(store_engine) as connection:
        by_number, by_agent = outbox.facts_of(connection, {number, 999}, ()), outbox.facts_of(connection, (), {"web-1"})
        assert [each.number for each in by_number] == [number]
        assert by_number == by_agent
        assert outbox.facts_of(connection, (), {"web-2"}) == []
