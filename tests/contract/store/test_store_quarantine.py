"""The quarantine: pages of it, the way back out, and bounds that a flood does not pass."""

import hashlib
from collections.abc import Mapping

import pytest
from sqlalchemy import Engine

from store import fence, quarantine
from store.engine import reading, transaction
from store.fence import Fenced
from store.ingest import keep_batch
from store.model import Batch, KeptBatch, Quarantined
from store.quarantine import QuarantineEntry, QuarantineTotal
from store.retention import drop_before
from tests.contract.store.builders import NOW_MS, batch, hello, poison, snapshot


@pytest.fixture
def epoch(store_engine: Engine) -> int:
    return fence.claim(store_engine, "processor-1", NOW_MS)


def put(engine: Engine, epoch: int, *poisons: Quarantined) -> list[int]:
    """Returns the numbers, rising."""
    keep_batch(engine, Batch(quarantined=poisons, received_ms=NOW_MS), epoch)
    return [entry.no for entry in reversed(entries(engine))]


def entries(engine: Engine, **filters: str) -> list[QuarantineEntry]:
    with reading(engine) as connection:
        return quarantine.list_entries(connection, None, 1_000, **filters)


def total(engine: Engine) -> QuarantineTotal:
    with reading(engine) as connection:
        return quarantine.total(connection)


def request(engine: Engine, which: list[int] | str, now_ms: int = NOW_MS) -> int:
    with transaction(engine) as connection:
        return quarantine.request_redrive(connection, which, now_ms)


def test_entries_are_filtered_by_reason_and_sender_in_pages(store_engine: Engine, epoch: int) -> None:
    reasons = ["not-json", "too-large", "not-json", "not-json"]
    sent = [poison(b"%d" % at, reason=reason) for at, reason in enumerate(reasons)]
    put(store_engine, epoch, *sent, poison(b"x", routing_key="db-1"))
    with reading(store_engine) as connection:
        page = quarantine.list_entries(connection, None, 2, reason="not-json", routing_key="web-1")
        rest = quarantine.list_entries(connection, page[-1].no, 2, reason="not-json", routing_key="web-1")
        assert [quarantine.get(connection, entry.no) for entry in page + rest] == [sent[3], sent[2], sent[0]]
        assert quarantine.count_by_reason(connection) == {"not-json": 4, "too-large": 1}
        assert list(quarantine.count_by_reason(connection)) == ["not-json", "too-large"]
        assert quarantine.get_entry(connection, page[0].no) == page[0]
        assert quarantine.get_entry(connection, 10**9) is None
    assert [entry.routing_key for entry in entries(store_engine, routing_key="db-1")] == ["db-1"]


def test_a_redrive_is_taken_up_once_in_order_and_the_try_is_noted(store_engine: Engine, epoch: int) -> None:
    sent = [poison(b"%d" % at) for at in range(4)]
    numbers = put(store_engine, epoch, *sent)
    assert quarantine.take_redrive(store_engine, 10, epoch, NOW_MS) == []
    assert request(store_engine, [numbers[3], numbers[0], numbers[1], 10**9]) == 3
    assert request(store_engine, [numbers[0]], NOW_MS + 1) == 0
    assert [entry.redrive_requested_ms for entry in entries(store_engine)] == [NOW_MS, None, NOW_MS, NOW_MS]
    first = quarantine.take_redrive(store_engine, 2, epoch, NOW_MS + 5)
    assert first == [(numbers[0], sent[0]), (numbers[1], sent[1])]
    assert quarantine.take_redrive(store_engine, 2, epoch, NOW_MS + 6) == [(numbers[3], sent[3])]
    assert quarantine.take_redrive(store_engine, 2, epoch, NOW_MS + 7) == []
    tried = [(entry.redrive_requested_ms, entry.redriven_ms) for entry in entries(store_engine)]
    assert tried == [(None, NOW_MS + 6), (None, None), (None, NOW_MS + 5), (None, NOW_MS + 5)]
    assert request(store_engine, [numbers[0]]) == 1


def test_all_messages_of_a_reason_are_redriven(store_engine: Engine, epoch: int) -> None:
    put(store_engine, epoch, poison(b"1"), poison(b"2", reason="too-large"), poison(b"3"))
    assert request(store_engine, "not-json") == 2
    taken = quarantine.take_redrive(store_engine, 10, epoch, NOW_MS)
    assert [message.body for _, message in taken] == [b"1", b"3"]


def test_who_lost_the_fence_redrives_nothing(store_engine: Engine, epoch: int) -> None:
    [number] = put(store_engine, epoch, poison())
    request(store_engine, [number])
    newer = fence.claim(store_engine, "processor-2", NOW_MS)
    with pytest.raises(Fenced):
        quarantine.take_redrive(store_engine, 10, epoch, NOW_MS)
    with pytest.raises(Fenced):
        quarantine.refuse_again(store_engine, number, "too-large", "", epoch)
    assert [no for no, _ in quarantine.take_redrive(store_engine, 10, newer, NOW_MS)] == [number]
    assert entries(store_engine)[0].reason == "not-json"


def test_a_redriven_message_leaves_with_the_batch_that_takes_it_in(
    store_engine: Engine, epoch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("power cut")

    first, second = put(store_engine, epoch, poison(b"12"), poison(b"345"))
    with monkeypatch.context() as patched:
        patched.setattr("store.ingest.keep_changes", fail)
        with pytest.raises(RuntimeError, match="power cut"):
            keep_batch(store_engine, batch(records=[hello(1)], redriven=[first]), epoch)
    assert total(store_engine) == QuarantineTotal(entries=2, bodies=2, body_bytes=5, dropped=0)
    for _ in range(2):
        keep_batch(store_engine, batch(records=[hello(1)], redriven=[first]), epoch)
        assert [entry.no for entry in entries(store_engine)] == [second]
        assert total(store_engine) == QuarantineTotal(entries=1, bodies=1, body_bytes=3, dropped=0)


def test_what_is_refused_again_says_why_this_time(store_engine: Engine, epoch: int) -> None:
    first, second = put(store_engine, epoch, poison(b"1"), poison(b"2"))
    quarantine.refuse_again(store_engine, first, "invalid-record", "seq lacks\x00", epoch)
    found = {entry.no: (entry.reason, entry.detail) for entry in entries(store_engine)}
    assert found == {first: ("invalid-record", "seq lacks\\x00"), second: ("not-json", "truncated")}


def shrink(monkeypatch: pytest.MonkeyPatch, bounds: Mapping[str, int]) -> None:
    for name, value in bounds.items():
        monkeypatch.setattr(f"store.quarantine_intake.{name}", value)


@pytest.mark.parametrize("bounds", [{"MOST_BODIES": 2}, {"MOST_BODY_BYTES": 4_096}])
def test_beyond_the_bounds_only_the_beginning_of_a_body_is_kept(
    store_engine: Engine, epoch: int, monkeypatch: pytest.MonkeyPatch, bounds: dict[str, int]
) -> None:
    shrink(monkeypatch, bounds)
    bodies = [bytes([at]) * 2_048 for at in range(3)]
    numbers = put(store_engine, epoch, *(poison(body) for body in bodies))
    put(store_engine, epoch, poison(b"4" * 2_000))
    found = entries(store_engine)[::-1]
    assert [entry.body_kept for entry in found] == [True, True, False, False]
    assert [entry.size_bytes for entry in found] == [2_048, 2_048, 2_048, 2_000]
    assert [entry.sha256 for entry in found[:3]] == [hashlib.sha256(body).hexdigest() for body in bodies]
    with reading(store_engine) as connection:
        kept = [quarantine.get(connection, no) for no in numbers]
    assert [message.body for message in kept if message] == [bodies[0], bodies[1], bodies[2][:1_024]]
    assert total(store_engine) == QuarantineTotal(entries=4, bodies=2, body_bytes=4_096, dropped=0)
    assert request(store_engine, "not-json") == 2


def test_room_that_is_free_again_takes_whole_bodies(
    store_engine: Engine, epoch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    shrink(monkeypatch, {"MOST_BODIES": 2})
    first, *_ = put(store_engine, epoch, poison(b"1"), poison(b"2"), poison(b"3"))
    keep_batch(store_engine, batch(redriven=[first]), epoch)
    put(store_engine, epoch, poison(b"4"), poison(b"5"))
    assert [entry.body_kept for entry in entries(store_engine)] == [False, True, False, True]


def test_a_flood_drops_the_oldest_beginnings_and_says_how_many(
    store_engine: Engine, epoch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    shrink(monkeypatch, {"MOST_BODIES": 2, "MOST_ENTRIES": 10, "DROPPED_AT_ONCE": 3})
    for first in range(0, 20, 5):
        put(store_engine, epoch, *(poison(b"%d" % at) for at in range(first, first + 5)))
    assert [int(body_of(store_engine, entry)) for entry in entries(store_engine)] == [19, 18, 17, 16, 15, 1, 0]
    assert total(store_engine) == QuarantineTotal(entries=7, bodies=2, body_bytes=2, dropped=13)


def body_of(engine: Engine, entry: QuarantineEntry) -> bytes:
    with reading(engine) as connection:
        message = quarantine.get(connection, entry.no)
    assert message is not None
    return message.body


def test_the_total_is_in_step_whatever_comes_and_goes(store_engine: Engine, epoch: int) -> None:
    sent = [poison(b"1"), poison(b"1"), poison(b"22", received_ms=NOW_MS + 9)]
    put(store_engine, epoch, *sent)
    put(store_engine, epoch, *sent)  # the same batch once more
    assert total(store_engine) == QuarantineTotal(entries=3, bodies=3, body_bytes=4, dropped=0)
    reused: KeptBatch = keep_batch(store_engine, batch(snapshots=[snapshot(1), snapshot(1, readings={})]), epoch)
    [second] = reused.key_reused
    assert total(store_engine).body_bytes == 4 + len(second.body)
    assert drop_before(store_engine, NOW_MS + 9, epoch) == 4
    assert total(store_engine) == QuarantineTotal(entries=1, bodies=1, body_bytes=2, dropped=0)
