"""What a rehearsal reads: snapshots in the order of their times with the readings asked for, and real incidents."""

import pytest
from sqlalchemy import Engine

from store import fence
from store.engine import reading
from store.ingest import keep_batch
from store.model import HUB, Change, CheckKey
from store.replays import (
    Announcement,
    agents_of,
    announcements_before,
    incidents_between,
    oldest_snapshot_ms,
    snapshots_between,
)
from tests.contract.store.builders import KEY, NOW_MS, agent, batch, change, hello, snapshot

READINGS = {"cpu.usage_percent": 1.0, 'disk.usage_percent{mount="/"}': 90.0, "disk.usage_percents": 3.0}


@pytest.fixture
def epoch(store_engine: Engine) -> int:
    return fence.claim(store_engine, "processor-1", NOW_MS)


def test_snapshots_come_by_time_with_the_readings_of_the_metrics(store_engine: Engine, epoch: int) -> None:
    late = snapshot(1, epoch=2, wall_ms=NOW_MS + 7_000, readings={"disk.usage_percent": 5.0}, extra=b"{}")
    taken = [snapshot(seq, readings=READINGS) for seq in range(1, 5)]
    others = [snapshot(seq, "db-1", wall_ms=NOW_MS + 6_000 * seq) for seq in range(1, 3)]
    both = [agent(), agent("db-1")]
    keep_batch(store_engine, batch(agents=both, snapshots=[*taken, *others, late]), epoch)
    with reading(store_engine) as connection:
        asked = ["disk.usage_percent"], NOW_MS + 5_000, NOW_MS + 15_000
        all_of_them = list(snapshots_between(connection, ["web-1", "db-1"], *asked))
        alone = list(snapshots_between(connection, ["web-1"], *asked))
        assert list(snapshots_between(connection, ["nobody"], *asked)) == []
    assert [(one.agent_id, one.epoch, one.seq) for one in all_of_them] == [
        ("web-1", 1, 2),
        ("db-1", 1, 1),
        ("web-1", 2, 1),
        ("web-1", 1, 3),
        ("db-1", 1, 2),
    ]
    assert alone == [one for one in all_of_them if one.agent_id == "web-1"]
    assert [one.readings for one in alone] == [
        {'disk.usage_percent{mount="/"}': 90.0},
        {"disk.usage_percent": 5.0},
        {'disk.usage_percent{mount="/"}': 90.0},
    ]
    assert (alone[1].extra, alone[1].received_ms) == (b"{}", late.received_ms)


def test_more_snapshots_than_are_read_at_a_time(
    store_engine: Engine, epoch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.replays.ROWS_AT_A_TIME", 3)
    layouts = [{f"cpu.usage_percent{{core={seq}}}": float(seq)} for seq in range(1, 11)]
    taken = [snapshot(seq, readings=layouts[seq - 1]) for seq in range(1, 11)]
    keep_batch(store_engine, batch(snapshots=taken), epoch)
    with reading(store_engine) as connection:
        found = list(snapshots_between(connection, ["web-1"], ["cpu.usage_percent"], 0, NOW_MS * 2))
    assert [one.readings for one in found] == layouts


def test_real_incidents_that_were_open_in_between(store_engine: Engine, epoch: int) -> None:
    other, foreign = CheckKey("web-1", "other", ""), CheckKey("db-1", "disk-full", "")
    changes = [
        change(Change.OPENED, 1),
        change(Change.CLOSED, 2),
        change(Change.OPENED, 10),
        change(Change.OPENED, 10, key=other),
        change(Change.OPENED, 10, key=foreign),
    ]
    numbers = keep_batch(store_engine, batch(agents=[agent(), agent("db-1")], incidents=changes), epoch)
    with reading(store_engine) as connection:
        ids = ["disk-full"], ["web-1"]
        assert [one.closed_ms for one in incidents_between(connection, *ids, NOW_MS, NOW_MS + 99)] == [NOW_MS + 2, None]
        [open_one] = incidents_between(connection, *ids, NOW_MS + 3, NOW_MS + 99)
        [closed_one] = incidents_between(connection, *ids, NOW_MS, NOW_MS + 10)
    assert (open_one.number, open_one.key) == (numbers.incident_numbers[KEY], KEY)
    assert closed_one.closed_ms == NOW_MS + 2


def test_the_agents_are_all_but_the_hub(store_engine: Engine, epoch: int) -> None:
    agents = [agent("db-1", group_name="db"), agent("new"), agent(HUB)]
    keep_batch(store_engine, batch(agents=agents), epoch)
    with reading(store_engine) as connection:
        assert agents_of(connection, None) == agents[:2]
        assert agents_of(connection, "db-1") == agents[:1]
        assert agents_of(connection, "nobody") == []


def test_hellos_and_goodbyes_come_by_time(store_engine: Engine, epoch: int) -> None:
    records = [
        hello(1, wall_ms=NOW_MS + 2, raw=b'{"type":"hello","group":"web"}'),
        hello(2, wall_ms=NOW_MS + 9),
        hello(3, wall_ms=NOW_MS + 4, kind="goodbye", raw=b'{"type":"goodbye","reason":"stopped"}'),
        hello(4, wall_ms=NOW_MS + 3, kind="loss", raw=b"{}"),
        hello(1, "db-1", wall_ms=NOW_MS + 1),
        hello(1, "other", wall_ms=NOW_MS + 1),
    ]
    agents = [agent(), agent("db-1"), agent("other")]
    keep_batch(store_engine, batch(agents=agents, records=records), epoch)
    with reading(store_engine) as connection:
        found = list(announcements_before(connection, {"web-1", "db-1"}, NOW_MS + 9))
    assert found == [
        Announcement(wall_ms=NOW_MS + 1, agent_id="db-1", group=""),
        Announcement(wall_ms=NOW_MS + 2, agent_id="web-1", group="web"),
        Announcement(wall_ms=NOW_MS + 4, agent_id="web-1"),
    ]


def test_the_oldest_snapshot(store_engine: Engine, epoch: int) -> None:
    with reading(store_engine) as connection:
        assert oldest_snapshot_ms(connection) is None
    keep_batch(store_engine, batch(snapshots=[snapshot(2), snapshot(1)]), epoch)
    with reading(store_engine) as connection:
        assert oldest_snapshot_ms(connection) == NOW_MS
