"""Each rule of C5 is silent on a good run and turns red on its own violation."""

import pytest

from faults.actions import Told, acted_once


def test_done_once_or_failed_unseen_or_failed_after_all_is_green() -> None:
    told = [("a", "done"), ("b", "failed"), ("c", "failed")]
    assert acted_once(["a", "b", "c"], told, ["a", "c"]) == []


@pytest.mark.parametrize(
    ("told", "done", "what"),
    [
        ([], [], "C5: a change without an outcome: a"),
        ([("a", "done"), ("a", "failed")], ["a"], "C5: more than one outcome: a"),
        ([("a", "done"), ("b", "failed")], ["a"], "C5: acted without being called for: b"),
        ([("a", "failed")], ["a", "a"], "C5: done twice: a"),
        ([("a", "done")], [], "C5: called done and not done: a"),
    ],
)
def test_each_violation_has_its_name(told: list[Told], done: list[str], what: str) -> None:
    assert acted_once(["a"], told, done) == [what]
