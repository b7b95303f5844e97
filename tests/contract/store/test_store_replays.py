"""What a rehearsal reads: snapshots in the order of their times with the readings asked for, and real incidents."""

from collections.abc import Iterator
from typing import Any, cast

import pytest
from sqlalchemy import Connection, Engine

from store import fence
from store.engine import reading
from store.ingest import keep_batch
from store.model import HUB, Change, CheckKey, KeptRecord
from store.replays import (
    Announcement,
    agents_of,
    announcements_between,
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


def announced(
    engine: Engine, agent_ids: set[str], since_ms: int = 0, end_ms: int = NOW_MS + 9
) -> tuple[list[Announcement], int]:
    """And how many rows were read for them."""
    with reading(engine) as connection:
        counting = Counting(connection)
        found = list(announcements_between(cast("Connection", counting), agent_ids, since_ms, end_ms))
    return found, counting.rows


class Counting:
    """As much of a connection as is needed to read rows."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self.rows = connection, 0

    def execute(self, query: Any) -> Iterator[Any]:
        for row in self._connection.execute(query):
            self.rows += 1
            yield row


def keep_announcements(engine: Engine, epoch: int, *records: KeptRecord) -> None:
    agents = [agent(agent_id) for agent_id in ("web-1", "db-1", "other")]
    keep_batch(engine, batch(agents=agents, records=records), epoch)


def test_hellos_and_goodbyes_come_by_time(store_engine: Engine, epoch: int) -> None:
    keep_announcements(
        store_engine,
        epoch,
        hello(1, wall_ms=NOW_MS + 2, raw=b'{"type":"hello","group":"web"}'),
        hello(2, wall_ms=NOW_MS + 9),
        hello(3, wall_ms=NOW_MS + 4, kind="goodbye", raw=b'{"type":"goodbye","reason":"stopped"}'),
        hello(4, wall_ms=NOW_MS + 3, kind="loss", raw=b"{}"),
        hello(1, "db-1", wall_ms=NOW_MS + 1),
        hello(1, "other", wall_ms=NOW_MS + 1),
    )
    found, _ = announced(store_engine, {"web-1", "db-1"})
    assert found == [
        Announcement(wall_ms=NOW_MS + 1, agent_id="db-1", group=""),
        Announcement(wall_ms=NOW_MS + 2, agent_id="web-1", group="web"),
        Announcement(wall_ms=NOW_MS + 4, agent_id="web-1"),
    ]


def test_of_one_agent_the_others_are_not_read(store_engine: Engine, epoch: int) -> None:
    records = [hello(seq, name, wall_ms=NOW_MS + seq) for name in ("web-1", "db-1", "other") for seq in range(1, 7)]
    keep_announcements(store_engine, epoch, *records)
    found, rows = announced(store_engine, {"db-1"}, since_ms=NOW_MS + 4)
    assert [one.wall_ms - NOW_MS for one in found] == [3, 4, 5, 6]
    assert {one.agent_id for one in found} == {"db-1"}
    assert rows == 4


def test_of_the_time_before_only_the_newest_are_read(store_engine: Engine, epoch: int) -> None:
    gone: dict[str, Any] = {"kind": "goodbye", "raw": b"{}"}
    keep_announcements(
        store_engine,
        epoch,
        hello(1, wall_ms=NOW_MS + 1, raw=b'{"group":"old"}'),
        hello(2, wall_ms=NOW_MS + 2, **gone),
        hello(3, wall_ms=NOW_MS + 3, raw=b'{"group":"web"}'),
        hello(4, wall_ms=NOW_MS + 4, **gone),
        hello(5, wall_ms=NOW_MS + 6),
        hello(1, "db-1", wall_ms=NOW_MS + 2),
        hello(2, "db-1", wall_ms=NOW_MS + 5),
    )
    found, rows = announced(store_engine, {"web-1", "db-1", "other"}, since_ms=NOW_MS + 5)
    assert found == [
        Announcement(wall_ms=NOW_MS + 2, agent_id="db-1", group=""),
        Announcement(wall_ms=NOW_MS + 3, agent_id="web-1", group="web"),
        Announcement(wall_ms=NOW_MS + 4, agent_id="web-1"),
        Announcement(wall_ms=NOW_MS + 5, agent_id="db-1", group=""),
        Announcement(wall_ms=NOW_MS + 6, agent_id="web-1", group=""),
    ], "who said goodbye is in the group of the hello before"
    assert rows == len(found)


def test_the_oldest_snapshot(store_engine: Engine, epoch: int) -> None:
    with reading(store_engine) as connection:
        assert oldest_snapshot_ms(connection) is None
    keep_batch(store_engine, batch(snapshots=[snapshot(2), snapshot(1)]), epoch)
    with reading(store_engine) as connection:
        assert oldest_snapshot_ms(connection) == NOW_MS
