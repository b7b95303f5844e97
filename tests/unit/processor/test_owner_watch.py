"""When an owner counts as gone: only silence that somebody listened to."""

from itertools import count

import pytest

from processor.owner_watch import GONE_AFTER_MS, SAYS_EACH_MS, OwnerWatch
from store.engine import StoreUnavailable, open_engine
from store.fence import Held

OWNER = Held(7, 1)
SECOND_MS = 1_000


def looked_each_second(watch: OwnerWatch, from_ms: int, seconds: int, held: Held = OWNER) -> list[bool]:
    return [watch.is_gone(held, from_ms + second * SECOND_MS) for second in range(seconds)]


def test_an_owner_that_says_nothing_while_one_looks_is_gone() -> None:
    watch = OwnerWatch()
    assert not any(looked_each_second(watch, 0, 20))
    assert watch.is_gone(OWNER, GONE_AFTER_MS)


def test_an_owner_that_speaks_begins_anew() -> None:
    watch = OwnerWatch()
    for spoken in range(60):
        heard = Held(7, spoken)
        assert not any(looked_each_second(watch, spoken * SAYS_EACH_MS, SAYS_EACH_MS // SECOND_MS, heard))


def test_a_look_that_hung_or_came_late_says_nothing_of_the_owner() -> None:
    watch = OwnerWatch()
    assert not any(looked_each_second(watch, 0, 5))
    assert not any(looked_each_second(watch, 60_000, 10))


def test_a_database_that_is_away_says_nothing_of_the_owner() -> None:
    watch, away, clock = OwnerWatch(), open_engine("sqlite:////nowhere/at/all.db"), count(20_000, SECOND_MS)
    assert not any(looked_each_second(watch, 0, 20))
    with pytest.raises(StoreUnavailable):
        watch.find_gone(away, lambda: next(clock))
    assert not any(looked_each_second(watch, 20_000, 20))
