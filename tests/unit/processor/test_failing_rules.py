"""A rule that raises turns its check unknown, and stops nobody else."""

from collections.abc import Mapping, Sequence

from health.state import State
from processor.pipeline import handle_batch
from processor.rule_set import RuleSet
from store.model import Change, Remedy
from tests.unit.processor.deliveries import TOKEN, decide, delivery, empty_memory, readings, wall_ms
from tests.unit.processor.rules_of_tests import rule

BAD = {"load": 99.0, 'load{host="x"}': 1.0, "fine": 99.0}
BROKEN = RuleSet([rule(sentence="{value:d} is bad"), rule("other", "fine")])
MENDED = RuleSet([rule(), rule("other", "fine")])


def test_the_check_is_unknown_with_the_reason_and_others_go_on() -> None:
    unknown, other = decide(empty_memory(), delivery(readings(1, BAD)), rules=BROKEN).batch.incidents
    assert (unknown.change, unknown.severity, unknown.key.rule) == (Change.OPENED, State.UNKNOWN, "load")
    assert unknown.title == "the rule load fails"
    assert "Unknown format code 'd'" in unknown.sentence
    assert "\n" not in unknown.sentence
    assert (other.key.rule, other.severity) == ("other", State.CRITICAL)


def test_it_is_told_once_and_recovers_when_the_rule_is_mended() -> None:
    memory = empty_memory()
    decide(memory, delivery(readings(1, BAD)), rules=BROKEN)
    for seq in range(2, 40):
        assert not decide(memory, delivery(readings(seq, BAD)), rules=BROKEN).batch.incidents
    [worse] = decide(memory, delivery(readings(40, BAD)), rules=MENDED).batch.incidents
    assert (worse.change, worse.severity, worse.sentence) == (
        Change.WORSENED,
        State.CRITICAL,
        "load is 99, limit 10",
    )


def test_it_recovers_by_itself_when_nothing_is_to_be_said_any_more() -> None:
    memory = empty_memory()
    decide(memory, delivery(readings(1, {"load": 99.0})), rules=BROKEN)
    [closed] = decide(memory, delivery(readings(2, {"load": 1.0})), rules=BROKEN).batch.incidents
    assert (closed.change, closed.sentence) == (Change.CLOSED, "load is ok again")


def test_a_remedy_finder_that_raises_is_such_a_rule_too() -> None:
    def fail(_rule: str, _severity: State, _labels: Mapping[str, str]) -> Sequence[Remedy]:
        raise RuntimeError("no catalogue")

    memory, snapshot = empty_memory(), delivery(readings(1, BAD))
    batch = handle_batch([snapshot], memory, MENDED, fail, wall_ms(1), monotonic_ms=0, canary_token=TOKEN).batch
    assert {change.severity for change in batch.incidents} == {State.UNKNOWN}
    assert all("RuntimeError: no catalogue" in change.sentence for change in batch.incidents)
