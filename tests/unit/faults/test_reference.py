"""The reference fold agrees with what the processor makes of the same records, and with nothing else."""

from dataclasses import replace

import pytest

from faults.calm import CALM_AFTER_MS
from faults.evidence import IncidentStep, Kept, StoredSnapshot
from faults.reference import Differences, differences
from faults.scripted_disk import READING
from faults.witness import Key

AGENT, EPOCH = "a1", 1 << 32
FULL_FROM, FULL_TO, LAST = 3, 22, 40
OPENED, CLOSED = 13, 33  # ten seconds after the first full one, and after the first that is not
READ_MS = 500_000  # when all of it is read in one batch, minutes too late
OPENING = IncidentStep(AGENT, EPOCH, OPENED, "disk-usage", 'mount="/faults"', "opened", is_late=True)
CLOSING = replace(OPENING, seq=CLOSED, change="closed")


def key(seq: int) -> Key:
    return Key(AGENT, EPOCH, seq)


def snapshot(seq: int, received_ms: int = READ_MS) -> StoredSnapshot:
    value = 97.0 if FULL_FROM <= seq <= FULL_TO else 40.0
    return StoredSnapshot(key(seq), seq * 1000, received_ms, {READING: value}, {"interval_seconds": 1.0})


def backlog(*steps: IncidentStep) -> Kept:
    return Kept(snapshots=[snapshot(seq) for seq in range(LAST, 0, -1)], incidents=list(steps))


RIGHT = Differences(judged_agents={AGENT}, judged_steps=2)


def found(kept: Kept, *restarts_ms: int) -> Differences:
    return differences(kept, restarts_ms=restarts_ms, clocks_hold=True)


def test_a_backlog_has_its_late_incident() -> None:
    assert found(backlog(OPENING, CLOSING)) == RIGHT


def test_history_that_is_called_news() -> None:
    opening = replace(OPENING, is_late=False)
    assert found(backlog(opening, CLOSING)).misdated == {opening}


def test_history_that_is_open_in_the_end_and_called_news() -> None:
    opening = replace(OPENING, is_late=False)
    kept = Kept(snapshots=[snapshot(seq) for seq in range(1, FULL_TO)], incidents=[OPENING])
    assert found(kept) == replace(RIGHT, judged_steps=1)
    kept.incidents = [opening]
    assert found(kept).misdated == {opening}


def test_a_late_incident_that_is_missing() -> None:
    assert found(backlog()).missing == {OPENING, CLOSING}


def test_a_late_incident_of_no_stored_record() -> None:
    other = replace(OPENING, seq=2, subject='mount="/other"')
    assert found(backlog(OPENING, CLOSING, other)).foreign == {other}


def test_a_change_at_a_record_that_was_never_judged() -> None:
    other = replace(OPENING, seq=LAST + 1)
    assert found(backlog(OPENING, CLOSING, other)).foreign == {other}


def test_what_came_behind_a_later_batch_is_history_and_opens_nothing() -> None:
    kept = backlog()
    kept.snapshots = [snapshot(seq, READ_MS + (1 if seq < LAST else 0)) for seq in range(1, LAST + 1)]
    assert found(kept) == replace(RIGHT, judged_steps=0)


def test_what_is_no_snapshot_counts_for_the_order_too() -> None:
    kept = backlog()
    kept.others = [(key(LAST + 1), READ_MS - 1)]
    assert found(kept) == replace(RIGHT, judged_steps=0)


@pytest.mark.parametrize("is_late", [True, False])
def test_where_nobody_can_say_what_was_late_both_are_right(is_late: bool) -> None:
    opening = replace(OPENING, is_late=is_late)
    kept = Kept(
        snapshots=[snapshot(seq, seq * 1000 + 9_000) for seq in range(1, LAST + 1)], incidents=[opening, CLOSING]
    )
    assert found(kept) == RIGHT


def test_what_came_at_once_is_news() -> None:
    kept = Kept(snapshots=[snapshot(seq, seq * 1000 + 50) for seq in range(1, LAST + 1)])
    kept.incidents = [replace(OPENING, is_late=False), CLOSING]
    assert found(kept) == RIGHT
    kept.incidents = [OPENING, CLOSING]
    assert found(kept).misdated == {OPENING}


@pytest.mark.parametrize(("age_ms", "restarts_ms"), [(50, [1_000]), (9_000, [])])
def test_what_comes_at_once_is_news_again_a_while_after_a_trouble(age_ms: int, restarts_ms: list[int]) -> None:
    """A processor that was started anew, or one record that waited, excuses what follows at once, and no more."""
    waited = replace(snapshot(1), received_ms=1_000 + age_ms)
    shown = {}
    for later_ms in (0, CALM_AFTER_MS):
        its = [replace(snapshot(seq), wall_ms=seq * 1000 + later_ms, received_ms=seq * 1000 + later_ms + 50)
               for seq in range(2, LAST + 1)]  # fmt: skip
        kept = Kept(snapshots=[waited, *its], incidents=[OPENING, CLOSING])
        shown[later_ms] = found(kept, *restarts_ms).misdated
    assert shown == {0: set(), CALM_AFTER_MS: {OPENING}}


def test_history_becomes_news_with_the_first_live_record_that_shows_it() -> None:
    """The processor was away until shortly after the disk had been full for long enough."""
    kept = Kept(snapshots=[snapshot(seq, max(seq * 1000 + 50, 31_050)) for seq in range(1, LAST + 1)])
    news, shown = replace(OPENING, is_late=False), replace(OPENING, seq=OPENED + 7, change="worsened")
    kept.incidents = [news, shown, CLOSING]
    assert found(kept) == replace(RIGHT, judged_steps=3)
    kept.incidents = [OPENING, shown, CLOSING]
    assert found(kept).misdated == {OPENING}


def checked(seq: int, state: str | None, received_ms: int) -> StoredSnapshot:
    """A snapshot that brings a result of the active check "web", or none."""
    its = {"name": "web", "kind": "command", "state": state, "output": "x", "wall_seconds": seq, "attempts": 1}
    results = [{**its, "duration_seconds": 0.1}] if state else []
    return StoredSnapshot(key(seq), seq * 1000, received_ms, {}, {"interval_seconds": 1.0, "checks": results})


def test_a_late_result_becomes_news_by_the_clock() -> None:
    opening = IncidentStep(AGENT, EPOCH, 1, "check", 'check="web"', "opened", is_late=False)
    told = replace(opening, seq=2, change="worsened")
    kept = Kept(snapshots=[checked(1, "critical", 90_000), checked(2, None, 90_001)], incidents=[opening, told])
    assert found(kept) == RIGHT
    kept.incidents = [opening]
    assert found(kept).misdated == {opening}
    again = replace(told, seq=1)
    kept.incidents = [opening, told, again]
    assert found(kept).foreign, "it becomes news once"


def test_many_checks_that_turn_bad_one_after_another_are_judged_one_by_one() -> None:
    """Of none of the records it is known whether it was late: all ways for all checks together would be too many."""
    names = [f"switch-{number}" for number in range(5)]

    def with_results(seq: int, age_ms: int) -> StoredSnapshot:
        results = [
            {"name": name, "kind": "command", "state": "warning" if 20 + place * 12 <= seq < 100 else "ok",
             "output": "", "wall_seconds": float(seq), "duration_seconds": 0.1}
            for place, name in enumerate(names)
        ]  # fmt: skip
        extra = {"interval_seconds": 1.0, "checks": results}
        return replace(snapshot(seq, seq * 1000 + age_ms), extra=extra)

    prompt, unsure = (Kept(snapshots=[with_results(seq, age_ms) for seq in range(1, 121)]) for age_ms in (50, 9_000))
    expected = found(prompt).missing
    assert len(expected) == 2 * len(names) + 2  # and the disk
    unsure.incidents = list(expected)
    assert found(unsure) == replace(RIGHT, judged_steps=len(expected))
    unsure.incidents = [step for step in expected if "switch-3" not in step.subject]
    assert expected - set(unsure.incidents) >= found(unsure).missing > set()
