"""The way of all records is not called broken while it is whole, and such an incident ends."""

import pytest

from faults.evidence import IncidentStep, Kept, StoredSnapshot
from faults.way import BREAK_MS, WHOLE_MS, false_troubles_of_the_way, open_troubles_of_the_way
from faults.witness import Key

OPENED_MS = 100_000


def step(change: str = "opened", at_ms: int = OPENED_MS, *, is_late: bool = False) -> IncidentStep:
    return IncidentStep("hub", 1, at_ms, "pipeline", "", change, at_ms, is_late)


def kept(heard_ms: list[int], *steps: IncidentStep, age_ms: int = 50) -> Kept:
    snapshots = [
        StoredSnapshot(Key("a1", 1, at_ms), at_ms - age_ms, at_ms, {}, {"interval_seconds": 1.0}) for at_ms in heard_ms
    ]
    return Kept(snapshots=snapshots, incidents=list(steps))


ALL_THE_TIME = list(range(OPENED_MS - WHOLE_MS, OPENED_MS, 1_000))


@pytest.mark.parametrize("is_late", [True, False])
def test_records_that_come_at_once_belie_it(is_late: bool) -> None:
    assert false_troubles_of_the_way(kept(ALL_THE_TIME, step(is_late=is_late))) == {step()}


def test_what_can_be_true_is_let_be() -> None:
    broken_ms = OPENED_MS - WHOLE_MS // 2
    with_a_break = [at_ms for at_ms in ALL_THE_TIME if not broken_ms <= at_ms < broken_ms + BREAK_MS]
    for some in (kept([], step()), kept(with_a_break, step()), kept(ALL_THE_TIME, step(), age_ms=3_000)):
        assert false_troubles_of_the_way(some) == set()


def test_its_end_comes() -> None:
    assert open_troubles_of_the_way(kept([])) == set()
    assert open_troubles_of_the_way(kept([], step())) == {step()}
    closed = step("closed", OPENED_MS + 1)
    assert open_troubles_of_the_way(kept([], closed, step())) == set()
    again = step(at_ms=OPENED_MS + 2)
    assert open_troubles_of_the_way(kept([], again, closed, step())) == {again}
