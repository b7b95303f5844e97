"""Mutes are kept, found while they are in force, and stay to be read when they are over."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine

from store import fence, mutes
from store.engine import reading, transaction
from store.incidents import get_incident
from store.ingest import keep_batch
from store.model import Change
from store.response import Mute, Weekly
from tests.contract.store.builders import KEY, NOW_MS, batch, change

HOUR_MS = 3_600_000
ALWAYS = Weekly(weekdays=[0, 1, 2, 3, 4, 5, 6], starts="00:00", minutes=24 * 60)


def mute(**fields: Any) -> Mute:
    whole = Mute(
        mute_no=0, reason="new\x00 disks", author="ana", created_ms=NOW_MS, starts_ms=NOW_MS, ends_ms=NOW_MS + HOUR_MS
    )
    return replace(whole, **fields)


def add(engine: Engine, **fields: Any) -> Mute:
    with transaction(engine) as connection:
        return mutes.add_mute(connection, mute(**fields))


@pytest.fixture
def number(store_engine: Engine) -> int:
    """An open incident."""
    epoch = fence.claim(store_engine, "processor-1", NOW_MS)
    return keep_batch(store_engine, batch(incidents=[change()]), epoch).incident_numbers[KEY]


def in_force(engine: Engine, now_ms: int) -> list[int]:
    with reading(engine) as connection:
        return [one.mute_no for one in mutes.mutes_in_force(connection, now_ms)]


def test_a_mute_is_read_as_it_was_written(store_engine: Engine, number: int) -> None:
    weekly = Weekly(weekdays=[5, 6], starts="22:00", minutes=90, timezone="Europe/Paris")
    written = [
        add(store_engine, agent_id="web-1", rule="cpu", subject='core="0"'),
        add(store_engine, group_name="web", weekly=weekly, ends_ms=None),
        add(store_engine, number=number),
        add(store_engine),
    ]
    assert len({one.mute_no for one in written}) == 4
    with reading(store_engine) as connection:
        found = [mutes.get_mute(connection, one.mute_no) for one in written]
        assert mutes.get_mute(connection, 10**9) is None
    assert found == [replace(one, reason="new\\x00 disks") for one in written]


def test_a_mute_of_an_unknown_agent_mutes_nobody(store_engine: Engine) -> None:
    with pytest.raises(LookupError, match="'gone'"):
        add(store_engine, agent_id="gone")
    assert in_force(store_engine, NOW_MS) == []


def test_those_in_force_are_found_by_the_time(store_engine: Engine) -> None:
    now = add(store_engine).mute_no
    later = add(store_engine, starts_ms=NOW_MS + HOUR_MS, ends_ms=NOW_MS + 2 * HOUR_MS).mute_no
    weekly = add(store_engine, weekly=ALWAYS, ends_ms=None).mute_no
    never = add(store_engine, weekly=replace(ALWAYS, weekdays=[]), ends_ms=None).mute_no
    assert in_force(store_engine, NOW_MS) == [now, weekly]
    assert in_force(store_engine, NOW_MS + HOUR_MS) == [later, weekly]
    assert in_force(store_engine, NOW_MS - 1) == []
    with reading(store_engine) as connection:
        assert mutes.count_current(connection, NOW_MS) == 4
        assert mutes.count_current(connection, NOW_MS + HOUR_MS) == 3
        current = mutes.list_mutes(connection, NOW_MS + HOUR_MS, None, 10)
        assert [one.mute_no for one in current] == [never, weekly, later]
        every = mutes.list_mutes(connection, NOW_MS + HOUR_MS, None, 2, with_ended=True)
        rest = mutes.list_mutes(connection, NOW_MS + HOUR_MS, every[-1].mute_no, 2, with_ended=True)
        assert [one.mute_no for one in every + rest] == [never, weekly, later, now]


def test_a_lifted_mute_ends_once_and_stays_in_history(store_engine: Engine) -> None:
    kept = add(store_engine)
    for at_ms in (NOW_MS + 1, NOW_MS + 2):
        with transaction(store_engine) as connection:
            lifted = mutes.lift(connection, kept.mute_no, "bob", at_ms)
        assert lifted is not None
        assert lifted.lifted_ms == NOW_MS + 1
    assert in_force(store_engine, NOW_MS + 3) == []
    with transaction(store_engine) as connection:
        assert mutes.list_mutes(connection, NOW_MS, None, 10) == []
        assert mutes.list_mutes(connection, NOW_MS, None, 10, with_ended=True) == [lifted]
        assert mutes.lift(connection, 10**9, "bob", NOW_MS) is None


def test_those_that_ended_lately_are_found_by_their_end(store_engine: Engine) -> None:
    old = add(store_engine, ends_ms=None).mute_no
    over = add(store_engine, ends_ms=NOW_MS + 20).mute_no
    long_over = add(store_engine, ends_ms=NOW_MS + 9).mute_no
    early = add(store_engine, ends_ms=NOW_MS + 100).mute_no
    add(store_engine, ends_ms=NOW_MS + 41)
    add(store_engine, ends_ms=None)
    with transaction(store_engine) as connection:
        for mute_no, at_ms in ((early, NOW_MS + 10), (long_over, NOW_MS + 30), (old, NOW_MS + 40)):
            mutes.lift(connection, mute_no, "bob", at_ms)

    def ended(limit: int) -> list[int]:
        with reading(store_engine) as connection:
            return [one.mute_no for one in mutes.ended_mutes(connection, NOW_MS + 10, NOW_MS + 40, limit)]

    assert ended(10) == [old, over, early], "lifted, over, lifted before it was over; one that was over before is not"
    assert ended(2) == [old, over]


def test_an_incident_that_is_muted_says_so_in_its_life(store_engine: Engine, number: int) -> None:
    kept = add(store_engine, number=number)
    add(store_engine, agent_id="web-1")
    for _ in range(2):
        with transaction(store_engine) as connection:
            mutes.lift(connection, kept.mute_no, "bob", NOW_MS + 5)
    with reading(store_engine) as connection:
        incident = get_incident(connection, number)
    assert incident is not None
    assert [(one.change, one.author) for one in incident.timeline] == [
        (Change.OPENED, ""),
        (Change.MUTED, "ana"),
        (Change.UNMUTED, "bob"),
    ]
