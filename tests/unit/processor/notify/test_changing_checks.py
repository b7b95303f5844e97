"""How many notices a check that comes and goes makes, from its readings to the receiver: the bound that docs/ tell."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from health.flapping import REMEMBERED
from processor.rule_set import RuleSet
from store.ingest import keep_batch
from store.response import NoticeKind
from tests.unit.processor.deliveries import decide, delivery, empty_memory, readings
from tests.unit.processor.notify.hub import Hub, settings_of, store_at
from tests.unit.processor.rules_of_tests import rule

PROBLEM, WORSE, FLAPPING, REMINDER, ESCALATION, RECOVERY, TEST = NoticeKind
RULES = RuleSet([rule()])
BAD, GOOD = 99.0, 1.0
MOST_NOTICES = 11  # in as many readings as flapping looks at
READING_SECONDS = 5
HOVERING = [1, 1, 3, 2, 1, 2, 7, 1, 5, 1, 3, 3, 4, 10, 1, 3, 1, 9, 3, 1, 1]  # about the limits of flapping


def told(template: Path, trouble: Sequence[bool], grouping_seconds: float = 0) -> list[list[NoticeKind]]:
    """What the receiver hears with each reading and until the next; then it is quiet for a while."""
    with tempfile.TemporaryDirectory() as folder:
        engine = store_at(Path(folder) / "store.db", template)
        try:
            hub = Hub(engine, settings_of({"grouping_seconds": grouping_seconds}))
            memory, heard = empty_memory(), []
            for seq, is_bad in enumerate(trouble, 1):
                snapshot = readings(seq, {"load": BAD if is_bad else GOOD})
                keep_batch(engine, decide(memory, delivery(snapshot), rules=RULES).batch, hub.epoch)
                hub.pass_seconds(READING_SECONDS, at_once=True)
                heard.append([notice.kind for notice in hub.ops.notices])
                hub.ops.messages.clear()
            hub.pass_seconds(30)
            return [*heard, [notice.kind for notice in hub.ops.notices]]
        finally:
            engine.dispose()


def all_told(heard: Sequence[Sequence[NoticeKind]]) -> list[NoticeKind]:
    return [kind for kinds in heard for kind in kinds]


def most_together(heard: Sequence[Sequence[NoticeKind]]) -> int:
    return max(len(all_told(heard[place : place + REMEMBERED])) for place in range(len(heard)))


def alternating(lengths: Sequence[int]) -> list[bool]:
    """So many bad readings, so many good ones, and so on."""
    return [place % 2 == 0 for place, length in enumerate(lengths) for _ in range(length)]


def test_six_notices_before_flapping_is_known_and_one_at_its_end(sqlite_template: Path) -> None:
    heard = told(sqlite_template, [True, False] * 15)
    assert all_told(heard) == [PROBLEM, RECOVERY, PROBLEM, RECOVERY, PROBLEM, FLAPPING]
    calm = told(sqlite_template, [True, False] * 15 + [False] * 30)
    assert all_told(calm)[6:] == [RECOVERY]


def test_what_changes_faster_than_the_grouping_makes_fewer(sqlite_template: Path) -> None:
    heard = told(sqlite_template, [True, False] * 15, grouping_seconds=30)
    assert all_told(heard) == [PROBLEM, RECOVERY, FLAPPING]


@pytest.mark.parametrize(("length", "flaps"), [(1, True), (2, True), (3, True), (4, False), (5, False)])
def test_what_changes_seldom_never_flaps_and_each_change_is_told(
    sqlite_template: Path, length: int, flaps: bool
) -> None:
    trouble = ([True] * length + [False] * length) * 6
    kinds = all_told(told(sqlite_template, trouble))
    assert (FLAPPING in kinds) is flaps
    if not flaps:
        assert kinds == [PROBLEM, RECOVERY] * 6


def test_what_flaps_and_settles_in_turn_makes_the_most(sqlite_template: Path) -> None:
    assert most_together(told(sqlite_template, alternating(HOVERING))) == 9


@settings(deadline=None, max_examples=20, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@example(lengths=[3] * 20, grouping_seconds=0)
@given(
    lengths=st.lists(st.sampled_from([1, 1, 1, 2, 3, 4, 12, 18]), min_size=1, max_size=25),
    grouping_seconds=st.sampled_from([0, 10]),
)
def test_no_readings_make_more_notices_than_the_bound(
    sqlite_template: Path, lengths: list[int], grouping_seconds: int
) -> None:
    trouble = alternating(lengths)[:80]
    heard = told(sqlite_template, trouble, grouping_seconds)
    assert most_together(heard) <= MOST_NOTICES, all_told(heard)
    changes = sum(before is not after for before, after in zip([False, *trouble], trouble, strict=False))
    assert len(all_told(heard)) <= changes + 1
