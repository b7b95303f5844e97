"""Old rows go in small steps, what is still needed stays."""

import pytest
from sqlalchemy import Engine, func, select

from health.state import State
from store import commands, fence, quarantine
from store.agents import fleet_state
from store.engine import reading, transaction
from store.incidents import get_incident, list_incidents
from store.ingest import keep_batch
from store.model import Change, Check, CheckKey
from store.retention import drop_before
from store.snapshots import latest, stored_sequences
from store.tables import incident_event, layout
from tests.contract.store.builders import KEY, NOW_MS, account, at, batch, change, gap, hello, poison, snapshot

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@pytest.fixture
def epoch(store_engine: Engine) -> int:
    return fence.claim(store_engine, "processor-1", NOW_MS)


def layouts(engine: Engine) -> int:
    with reading(engine) as connection:
        return connection.execute(select(func.count()).select_from(layout)).scalar_one()


def test_drops_old_snapshots_and_records_in_steps(
    store_engine: Engine, epoch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.retention.CHUNK_ROWS", 3)
    keep_batch(
        store_engine,
        batch(
            snapshots=[snapshot(seq) for seq in range(1, 21)],
            records=[hello(21, received_ms=NOW_MS + 49_999), hello(22, received_ms=NOW_MS + 50_000)],
        ),
        epoch,
    )
    assert drop_before(store_engine, NOW_MS + 50_000, epoch) == 11
    with reading(store_engine) as connection:
        assert stored_sequences(connection, "web-1") == [(1, seq) for seq in [*range(11, 21), 22]]
    assert drop_before(store_engine, NOW_MS + 50_000, epoch) == 0


def test_a_wrong_clock_does_not_make_a_new_snapshot_old(store_engine: Engine, epoch: int) -> None:
    keep_batch(store_engine, batch(snapshots=[snapshot(1, wall_ms=0)]), epoch)
    assert drop_before(store_engine, NOW_MS, epoch) == 0
    assert drop_before(store_engine, NOW_MS + 1, epoch) == 1


def test_layouts_go_with_their_last_snapshot(store_engine: Engine, epoch: int) -> None:
    old = snapshot(1, readings={"old": 1.0})
    ahead = snapshot(2, readings={"ahead": 1.0}, wall_ms=NOW_MS + 10 * DAY_MS)
    lasting = [
        snapshot(3 + hour, readings={"lasting": 1.0}, wall_ms=NOW_MS + hour * HOUR_MS, received_ms=NOW_MS)
        for hour in range(25)
    ]
    for kept in (old, ahead, *lasting):
        keep_batch(store_engine, batch(snapshots=[kept]), epoch)
    assert layouts(store_engine) == 3
    drop_before(store_engine, NOW_MS + DAY_MS, epoch)
    assert layouts(store_engine) == 2
    with reading(store_engine) as connection:
        assert latest(connection, at(ahead)) == ahead
        assert latest(connection, at(lasting[-1])) == lasting[-1]
    drop_before(store_engine, NOW_MS + 12 * DAY_MS, epoch)
    assert layouts(store_engine) == 0


def test_a_layout_that_went_comes_back(store_engine: Engine, epoch: int) -> None:
    keep_batch(store_engine, batch(snapshots=[snapshot(1)]), epoch)
    drop_before(store_engine, NOW_MS + DAY_MS, epoch)
    assert layouts(store_engine) == 0
    keep_batch(store_engine, batch(snapshots=[snapshot(2)]), epoch)
    with reading(store_engine) as connection:
        assert latest(connection, at(snapshot(2))) == snapshot(2)


def test_closed_incidents_go_with_their_story_and_open_ones_stay(store_engine: Engine, epoch: int) -> None:
    other = CheckKey("web-1", "other", "")
    changes = [change(Change.OPENED, 1), change(Change.CLOSED, 2), change(Change.OPENED, 3, key=other)]
    numbers = keep_batch(store_engine, batch(incidents=changes), epoch).incident_numbers
    assert drop_before(store_engine, NOW_MS + DAY_MS, epoch) == 1
    with reading(store_engine) as connection:
        assert get_incident(connection, numbers[KEY]) is None
        assert [item.key for item in list_incidents(connection, "all", None, None, 10)] == [other]
        assert connection.execute(select(func.count()).select_from(incident_event)).scalar_one() == 1


def test_old_quarantine_and_commands_go(store_engine: Engine, epoch: int) -> None:
    keep_batch(store_engine, batch(quarantined=[poison(), poison(received_ms=NOW_MS + DAY_MS)]), epoch)
    with transaction(store_engine) as connection:
        for name, expires_ms in (("old", NOW_MS), ("new", NOW_MS + DAY_MS)):
            commands.add(
                connection, command_id=name, agent_id="web-1", kind="poll", created_ms=NOW_MS, expires_ms=expires_ms
            )
    assert drop_before(store_engine, NOW_MS + 1, epoch) == 2
    with reading(store_engine) as connection:
        assert quarantine.count(connection) == 1
        assert commands.get(connection, "old") is None
        assert commands.get(connection, "new") is not None


def test_settled_checks_of_old_go_and_accounts_stay(store_engine: Engine, epoch: int) -> None:
    old, troubled, waiting, recent, flapping = (CheckKey("web-1", "disk-full", f'mount="/{name}"') for name in "abcde")
    settled = Check(key=old, state=State.OK, since_ms=NOW_MS - 1, value=1.0)
    stay = [
        Check(key=troubled, state=State.WARNING, since_ms=NOW_MS - 1, value=1.0),
        Check(
            key=waiting,
            state=State.OK,
            since_ms=NOW_MS - 1,
            value=1.0,
            pending=State.WARNING,
            pending_since_ms=NOW_MS - 1,
        ),
        Check(key=recent, state=State.OK, since_ms=NOW_MS, value=1.0),
        Check(key=flapping, state=State.OK, since_ms=NOW_MS - 1, value=1.0, history=1, flapping_since_ms=NOW_MS - 1),
    ]
    told = account(assigned_seq=9, stored=1, gaps=[gap(2, 9)])
    keep_batch(store_engine, batch(checks=[settled, *stay], accounts=told), epoch)
    assert drop_before(store_engine, NOW_MS, epoch) == 1
    with reading(store_engine) as connection:
        state = fleet_state(connection)
    assert state.checks == {check.key: check for check in stay}
    assert state.accounts == [(told.epochs[0], [gap(2, 9)])]


def test_an_incident_goes_by_when_its_end_was_received_and_not_by_the_hosts_clock(
    store_engine: Engine, epoch: int
) -> None:
    year_ms = 365 * DAY_MS
    ahead, behind = CheckKey("web-1", "ahead", ""), CheckKey("web-1", "behind", "")
    changes = [
        change(what, seq, key=key, at_ms=NOW_MS + off_ms, received_ms=NOW_MS + seq)
        for key, off_ms in ((ahead, year_ms), (behind, -year_ms))
        for seq, what in enumerate((Change.OPENED, Change.CLOSED), start=1)
    ]
    keep_batch(store_engine, batch(incidents=changes), epoch)
    assert drop_before(store_engine, NOW_MS + 2, epoch) == 0
    assert drop_before(store_engine, NOW_MS + 3, epoch) == 2


def test_it_ends_when_its_time_is_over_and_goes_on(
    store_engine: Engine, epoch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.retention.CHUNK_ROWS", 3)
    keep_batch(store_engine, batch(snapshots=[snapshot(seq) for seq in range(1, 9)], records=[hello(9)]), epoch)
    before_ms = NOW_MS + DAY_MS
    assert [drop_before(store_engine, before_ms, epoch, has_time=lambda: False) for _ in range(5)] == [3, 3, 2, 1, 0]
