"""What happens by the clock: one failing job stops neither the others nor the records."""

import logging
import time
from functools import partial

import pytest

from processor.periodic import Periodic, Round, Turn
from store.engine import StoreUnavailable
from store.fence import Fenced


def test_a_job_is_done_when_it_is_due() -> None:
    done: list[str] = []
    job = Periodic("counting", 5.0, lambda: done.append("once"))
    begun = time.monotonic()
    for seconds in (1, 6, 7, 12):
        job.do_if_due(begun + seconds)
    assert len(done) == 2


def test_what_fails_is_said_once_and_tried_again_a_period_later(caplog: pytest.LogCaptureFixture) -> None:
    tries: list[str] = []

    def fail() -> None:
        tries.append("once")
        raise ZeroDivisionError("a rule nobody tried")

    job = Periodic("rules by the clock", 5.0, fail)
    begun = time.monotonic()
    with caplog.at_level(logging.ERROR):
        for seconds in (6, 7, 12, 18):
            job.do_if_due(begun + seconds)
    assert len(tries) == 3
    [record] = caplog.records
    assert record.getMessage().startswith("rules by the clock failed, it is tried again each 5 s: ZeroDivisionError")


@pytest.mark.parametrize("error", [StoreUnavailable("away"), Fenced("another one")])
def test_what_concerns_the_store_is_passed_on_and_due_again_at_once(error: Exception) -> None:
    tries: list[str] = []

    def fail() -> None:
        tries.append("once")
        raise error

    job = Periodic("retention", 5.0, fail)
    for _ in range(2):
        with pytest.raises(type(error)):
            job.do_if_due(time.monotonic() + 6)
    assert len(tries) == 2


def test_what_is_unfinished_goes_on_with_the_next_tick() -> None:
    turns = [Turn.UNFINISHED, Turn.UNFINISHED, Turn.DONE]
    left = list(turns)
    job = Periodic("retention", 600.0, lambda: left.pop(0))
    begun = time.monotonic()
    for seconds in (1, 601, 602, 603, 604, 1000):
        job.do_if_due(begun + seconds)
    assert left == []


def test_what_the_store_refuses_holds_up_no_other_job() -> None:
    refused, done = {"silence", "retention"}, list[str]()

    def work(name: str) -> None:
        done.append(name)
        if name in refused:
            raise StoreUnavailable("canceling statement due to statement timeout")

    names = ["silence", "retention", "redrive", "rules"]
    rounds = Round([Periodic(name, 0.0, partial(work, name)) for name in names])
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            rounds.go()
    assert done == ["silence", "retention", "redrive", "rules", "silence"]
    refused.clear()
    for _ in range(2):
        done.clear()
        rounds.go()
    assert done == names, "in their order again"
