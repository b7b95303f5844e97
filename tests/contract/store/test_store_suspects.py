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


def test_a_suspect_is_there_until_it_is_cleared(store_engine: Engine, epoch: int) -> None:
    assert not suspects.note(store_engine, ONE, "web-1", NOW_MS, epoch)
    assert suspects.note(store_engine, ONE, "web\x00", NOW_MS + 1, epoch)
    assert not suspects.note(store_engine, OTHER, "web-1", NOW_MS, epoch)
    suspects.clear(store_engine, ONE, epoch)
    suspects.clear(store_engine, ONE, epoch)
    assert suspects.note(store_engine, OTHER, "web-1", NOW_MS, epoch)
    assert not suspects.note(store_engine, ONE, "web-1", NOW_MS, epoch)


def test_a_suspect_goes_with_the_retention(store_engine: Engine, epoch: int) -> None:
    suspects.note(store_engine, ONE, "web-1", NOW_MS, epoch)
    suspects.note(store_engine, OTHER, "web-1", NOW_MS + 1, epoch)
    assert drop_before(store_engine, NOW_MS + 1, epoch) == 1
    assert suspects.note(store_engine, OTHER, "web-1", NOW_MS, epoch)
    assert not suspects.note(store_engine, ONE, "web-1", NOW_MS, epoch)


def test_who_lost_the_fence_accuses_nobody(store_engine: Engine, epoch: int) -> None:
    newer = fence.claim(store_engine, "processor-2", NOW_MS)
    with pytest.raises(Fenced):
        suspects.note(store_engine, ONE, "web-1", NOW_MS, epoch)
    assert not suspects.note(store_engine, ONE, "web-1", NOW_MS, newer)
    with pytest.raises(Fenced):
        suspects.clear(store_engine, ONE, epoch)
    assert suspects.note(store_engine, ONE, "web-1", NOW_MS, newer)
