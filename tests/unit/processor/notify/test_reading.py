"""How much the desk reads in a pass: what changed and what is due, and nothing of what lies there quietly."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event, update

from health.state import State
from processor.notifiers.notifier import NotifierError
from processor.notify import desk
from store import outbox
from store.engine import reading, transaction
from store.incident_acts import acknowledge
from store.ingest import keep_batch
from store.model import Change, CheckKey
from store.response import NoticeKind
from store.tables import incident_event
from tests.contract.store.builders import agent, batch, change
from tests.unit.processor.notify.conftest import NewHub
from tests.unit.processor.notify.hub import Hub

QUIET = 1_000
PER_PASS = 12  # rows: mutes and dependencies are none here
RESTS = {"remind_every_seconds": 3_600}


@contextmanager
def rows_read(engine: Engine) -> Iterator[list[int]]:
    """The number of rows that each statement gives, found by asking it once more."""
    counts: list[int] = []

    def ask(_connection: object, cursor: Any, statement: str, parameters: Any, *_: object) -> None:
        if statement.startswith("SELECT"):
            again = cursor.connection.cursor()
            counts.append(len(again.execute(statement, parameters).fetchall()))
            again.close()

    event.listen(engine, "after_cursor_execute", ask)
    yield counts
    event.remove(engine, "after_cursor_execute", ask)


def with_quiet_incidents(hub: Hub) -> Hub:
    keys = [CheckKey(f"host-{number}", "disk", "") for number in range(QUIET)]
    known = [agent(key.agent_id, host_name=key.agent_id) for key in keys]
    opened = [change(Change.OPENED, 1, key, at_ms=hub.now_ms) for key in keys]
    keep_batch(hub.engine, batch(agents=known, incidents=opened), hub.epoch)
    hub.pass_seconds(30)
    assert len(hub.ops.notices) == QUIET
    hub.pass_seconds(120, at_once=True)
    return hub


def test_a_pass_reads_nothing_of_what_is_quiet(new_hub: NewHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "MOST_NEWS", 1_000)
    hub = with_quiet_incidents(new_hub(RESTS))
    with rows_read(hub.engine) as counts:
        hub.pass_seconds(10)
    assert sum(counts) <= 10 * PER_PASS, counts
    hub.happen(Change.OPENED)
    with rows_read(hub.engine) as counts:
        hub.pass_seconds(10)
    assert sum(counts) <= 20 * PER_PASS
    assert hub.ops.notices[-1].payload["rule"] == "disk-full"
    with rows_read(hub.engine) as counts:
        hub.pass_seconds(3_600, at_once=True)
    assert sum(counts) > QUIET  # all reminders are due now
    hub.pass_seconds(30)
    assert {notice.kind for notice in hub.ops.notices[-QUIET:]} == {NoticeKind.REMINDER}


def test_the_log_of_an_incident_does_not_grow_with_its_reminders(new_hub: NewHub) -> None:
    hub = new_hub({"remind_every_seconds": 10})
    number = hub.happen(Change.OPENED)
    hub.pass_seconds(300)
    assert len(hub.kept) > 25
    with reading(hub.engine) as connection:
        log = outbox.log_of(connection, [number])
    assert [(notice.kind, notice.notice_no) for notice in log] == [
        (NoticeKind.PROBLEM, hub.kept[0].notice_no),
        (NoticeKind.REMINDER, hub.kept[1].notice_no),
        (NoticeKind.REMINDER, hub.kept[-1].notice_no),
    ]
    hub.restart()
    hub.pass_seconds(30)
    keys = [notice.dedup_key for notice in hub.ops.notices]
    assert len(keys) == len(set(keys))
    hub.happen(Change.CLOSED)
    hub.pass_seconds(3)
    assert hub.ops.told[-1] is NoticeKind.RECOVERY


def test_the_log_does_not_grow_with_the_tries_of_a_channel_that_refuses(new_hub: NewHub) -> None:
    hub = new_hub({"remind_every_seconds": 10})
    hub.ops.fails, hub.ops.takes = NotifierError("401", permanent=True), False
    number = hub.happen(Change.OPENED)
    hub.pass_seconds(300)
    keys = [notice.dedup_key for notice in hub.kept]
    assert len(keys) > 25
    assert keys[-1] == f"1/ops/problem-{len(keys)}"
    with reading(hub.engine) as connection:
        assert len(outbox.log_of(connection, [number])) == 2


def test_what_may_have_arrived_and_what_is_dead_stay_in_the_log(new_hub: NewHub) -> None:
    hub = new_hub()
    number = hub.happen(Change.OPENED)
    hub.happen(Change.FLAPPING)
    hub.ops.fails, hub.ops.takes = NotifierError("no answer", is_unsure=True), False
    hub.pass_seconds(2)
    hub.mute()
    hub.pass_seconds(60)
    with reading(hub.engine) as connection:
        [notice] = outbox.log_of(connection, [number])
    assert notice.kind is NoticeKind.FLAPPING
    assert notice.cancelled_ms is not None
    assert notice.leased_until_ms is not None


def test_an_entry_that_is_committed_after_a_later_one_is_seen(new_hub: NewHub) -> None:
    """PostgreSQL numbers entries when they are written and shows them when they are committed."""
    hub = new_hub({"remind_every_seconds": 30})
    first, second = (hub.happen(Change.OPENED, CheckKey(f"web-{host}", "disk", "")) for host in (1, 2))
    hub.pass_seconds(5)
    with transaction(hub.engine) as connection:
        newest = outbox.newest_entry(connection)
        last = update(incident_event).where(incident_event.c.event_no == newest)
        connection.execute(last.values(event_no=newest + 20))
    hub.pass_seconds(5)
    with transaction(hub.engine) as connection:
        acknowledge(connection, first, "ada", hub.now_ms)
        newer = incident_event.c.event_no > newest + 20
        connection.execute(update(incident_event).where(newer).values(event_no=newest + 10))
    hub.pass_seconds(60)
    assert {notice.number for notice in hub.ops.notices if notice.kind is NoticeKind.REMINDER} == {second}


def test_the_keeper_names_whose_incidents_read_otherwise(new_hub: NewHub) -> None:
    """What is restated is in no timeline, and neither is the group of a host."""
    hub = new_hub({"remind_every_seconds": 10, "groups": ["db"]})
    number = hub.happen(Change.OPENED, severity=State.CRITICAL)
    hub.pass_seconds(3)
    assert hub.ops.told == []
    with transaction(hub.engine) as connection:
        connection.exec_driver_sql("UPDATE agent SET group_name = 'db'")
    hub.desk.name({"web-1"})
    hub.pass_seconds(3)
    assert [notice.number for notice in hub.ops.notices] == [number]
