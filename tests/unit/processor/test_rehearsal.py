"""What rules would have said of snapshots that are kept, and how two versions of a rule differ."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from health.state import State
from processor.rehearsal import Rehearsal, Rehearsed, difference
from processor.replayed_fleet import ReplayedFleet
from processor.rule_files import read_file
from store.model import CheckKey, KeptSnapshot
from store.replays import PastIncident

KEY = CheckKey("web-1", "disk-usage", 'mount="/"')
RULE = """
- id: disk-usage
  {lines}
  title: "{{value}}"
  sentence: "it is {{value:g}}"
  examples: [{{name: bad, {bad}}}, {{name: good, {good}}}]
"""


def rehearsal(lines: Sequence[str], bad: str, good: str) -> Rehearsal:
    text = RULE.format(lines="\n  ".join(lines), bad=bad, good=good)
    rules = [found.rule for found in read_file("mine.yaml", text) if found.rule is not None]
    assert len(rules) == 1, read_file("mine.yaml", text)
    return Rehearsal(rules, ReplayedFleet((), 0, lambda *_: {}))


def threshold(**fields: Any) -> Rehearsal:
    keys = {"metric": "disk.usage_percent", "warning": "{above: 85, clear_below: 82}"} | fields
    lines = [f"{name}: {value}" for name, value in keys.items()]
    return rehearsal(lines, "values: [90, 90, 90, 90, 90, 90], ends: warning", "values: [1], ends: ok")


def snapshots(*values: float | None, name: str = 'disk.usage_percent{mount="/"}', **fields: Any) -> list[KeptSnapshot]:
    """5 s apart; None is a snapshot without the reading."""
    told: dict[str, Any] = {"agent_id": "web-1", "extra": b'{"interval_seconds":5.0}'} | fields
    return [
        KeptSnapshot(
            epoch=1,
            seq=seq,
            wall_ms=seq * 5_000,
            received_ms=seq * 5_000,
            readings={} if value is None else {name: value},
            **told,
        )
        for seq, value in enumerate(values)
    ]


def told(one: Rehearsal, taken: Sequence[KeptSnapshot], group: str = "") -> list[tuple[str, int, int | None]]:
    for snapshot in taken:
        one.take(snapshot, group)
    return [(str(found.severity), found.opened_ms, found.closed_ms) for found in one.incidents]


def test_a_threshold_opens_worsens_and_closes() -> None:
    one = threshold(critical="{above: 95, clear_below: 92}")
    assert told(one, snapshots(50, 90, 97, 91, 50, 88)) == [("critical", 5_000, 20_000), ("warning", 25_000, None)]
    assert [found.sentence for found in one.incidents] == ["it is 97", "it is 88"]  # in the words of the worst moment


def test_what_was_switched_off_then_is_no_absence_in_a_replay() -> None:
    absence = {"kind": "absence", "metric": "disk.usage_percent", "warning": "{above: 20, clear_below: 10}"}
    lines = [f"{name}: {value}" for name, value in absence.items()]
    one = rehearsal(lines, f"values: [1, {', '.join(['null'] * 6)}], ends: warning", "values: [1, 1], ends: ok")
    off = b'{"interval_seconds":5.0,"switched_off":["disk"]}'
    assert told(one, [*snapshots(50), *snapshots(*[None] * 20, extra=off)]) == []
    one = rehearsal(lines, f"values: [1, {', '.join(['null'] * 6)}], ends: warning", "values: [1, 1], ends: ok")
    assert told(one, [*snapshots(50), *snapshots(*[None] * 20)]) == [("warning", 25_000, None)]


def test_a_rule_for_another_group_says_nothing() -> None:
    assert told(threshold(groups="[db]"), snapshots(99, 99), "web") == []
    assert told(threshold(groups="[db]"), snapshots(99, 99), "db") == [("warning", 0, None)]


def test_what_is_pending_does_not_outlast_a_silence() -> None:
    held = snapshots(*[99.0] * 30)
    assert told(threshold(hold_seconds=20), [held[0], held[20]]) == []
    assert told(threshold(hold_seconds=10), held[:4]) == [("warning", 10_000, None)]


def test_a_failing_collector_closes_nothing_and_a_thing_that_went_does() -> None:
    failing = json.dumps({"errors": {"disk": "timed out"}}).encode()
    gone = snapshots(*[None] * 30)
    failed = snapshots(*[None] * 30, extra=failing)
    assert told(threshold(), [*snapshots(99), *failed[1:]]) == [("warning", 0, None)]
    assert told(threshold(), [*snapshots(99), *gone[1:]]) == [("warning", 0, 65_000)]


def test_a_rate_is_replayed() -> None:
    rising = rehearsal(
        ["kind: rate", "metric: net.errors", "window_seconds: 10", "warning: {above: 1, clear_below: 0.5}"],
        "values: [0, 0, 0, 50, 100, 150, 200], ends: warning",
        "values: [0, 0, 0, 0], ends: ok",
    )
    taken = snapshots(0, 0, 0, 0, 100, 200, 200, 200, 200, name="net.errors")
    [(severity, opened_ms, closed_ms)] = told(rising, taken)
    assert (severity, opened_ms) == ("warning", 20_000)
    assert closed_ms is not None


def test_an_absence_is_replayed() -> None:
    silent = rehearsal(
        ["kind: absence", "metric: backup.age_seconds", "warning: {above: 12, clear_below: 1}"],
        "values: [1, null, null, null, null], ends: warning",
        "values: [1, 1], ends: ok",
    )
    taken = snapshots(1, None, None, None, None, 1, name="backup.age_seconds")
    assert told(silent, taken) == [("warning", 15_000, 25_000)]


def test_extra_that_is_no_json_stops_nothing() -> None:
    assert told(threshold(), snapshots(99, extra=b"\xff")) == [("warning", 0, None)]


def rehearsed(opened_ms: int, closed_ms: int | None, key: CheckKey = KEY) -> Rehearsed:
    return Rehearsed(key=key, severity=State.WARNING, opened_ms=opened_ms, closed_ms=closed_ms, sentence="")


def past(number: int, opened_ms: int, closed_ms: int | None, key: CheckKey = KEY) -> PastIncident:
    return PastIncident(number=number, key=key, opened_ms=opened_ms, closed_ms=closed_ms)


OTHER = CheckKey("web-2", "disk-usage", 'mount="/"')


@pytest.mark.parametrize(
    ("edited", "today", "told"),
    [
        ([(0, 9)], [(0, 9)], "the same incidents as with today's rule: 1"),
        ([(1, 9)], [(0, 9)], "1 incident, as many as with today's rule and at about the same times"),
        ([], [], "the same incidents as with today's rule: none"),
        ([(5, None)], None, "1 incident; no rule with this id is in force today"),
        ([(0, 9)], [(0, 3), (5, 9)], "1 incident instead of 2"),
        ([(2, 3)], [(2, 3), (20, 30)], "1 incident instead of 2; would have missed i/17"),
        ([], [(2, 3), (20, 30), (40, 50)], "0 incidents instead of 3; would have missed i/17 and 2 more"),
        ([], [(40, 50)], "0 incidents instead of 1; would have missed 1 of them"),
        ([(0, 9), (60, None)], [(4, 5)], "2 incidents instead of 1; 1 at times when today's rule says nothing"),
    ],
)
def test_the_difference_is_one_sentence(
    edited: list[tuple[int, int | None]], today: list[tuple[int, int | None]] | None, told: str
) -> None:
    theirs = None if today is None else [rehearsed(*one) for one in today]
    found = difference([rehearsed(*one) for one in edited], theirs, [past(16, 20, 30, OTHER), past(17, 21, 25)])
    assert found.sentence == told


def test_what_another_host_had_is_no_counterpart() -> None:
    found = difference([rehearsed(0, 9, OTHER)], [rehearsed(0, 9)], [past(16, 0, 9, OTHER), past(17, 0, None)])
    assert [one.number for one in found.missed] == [17]
    assert [one.number for one in found.edited] == [16]
    assert found.sentence.endswith("would have missed i/17; 1 at times when today's rule says nothing")
