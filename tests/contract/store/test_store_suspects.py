"""Suspects: what may have killed the processor is known to its successor."""

import pytest
from sqlalchemy import Engine

from store import fence, suspects
from store.fence import Fenced
from store.retention import drop_before
from tests.contract.store.builders import NOW_MS

ONE, OTHER = "a" * 64, "b" * 64


@pytest.fixture
def epoch(store_engine: Engine) -> int:
    return fence.claim(store_engine, "processor-1", NOW_MS)


def note(engine: Engine, sha256: str, epoch: int, now_ms: int = NOW_MS, routing_key: str = "web-1") -> int:
    return suspects.note(engine, sha256, routing_key, now_ms, epoch)


def test_how_often_a_suspect_was_noted_is_counted_until_it_is_cleared(store_engine: Engine, epoch: int) -> None:
    assert [note(store_engine, ONE, epoch, NOW_MS + n, "web\x00") for n in range(3)] == [0, 1, 2]
    assert note(store_engine, OTHER, epoch) == 0
    suspects.clear(store_engine, ONE, epoch)
    suspects.clear(store_engine, ONE, epoch)
    assert (note(store_engine, OTHER, epoch), note(store_engine, ONE, epoch)) == (1, 0)


def test_a_suspect_goes_with_the_retention(store_engine: Engine, epoch: int) -> None:
    note(store_engine, ONE, epoch)
    note(store_engine, OTHER, epoch, NOW_MS + 1)
    assert drop_before(store_engine, NOW_MS + 1, epoch) == 1
    assert (note(store_engine, OTHER, epoch), note(store_engine, ONE, epoch)) == (1, 0)


def test_who_lost_the_fence_accuses_nobody(store_engine: Engine, epoch: int) -> None:
    newer = fence.claim(store_engine, "processor-2", NOW_MS)
    with pytest.raises(Fenced):
        note(store_engine, ONE, epoch)
    assert note(store_engine, ONE, newer) == 0
    with pytest.raises(Fenced):
        suspects.clear(store_engine, ONE, epoch)
    assert note(store_engine, ONE, newer) == 1
