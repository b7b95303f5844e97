"""The rules that ship, and what a broken file says."""

from pathlib import Path

import pytest

from health.state import State
from processor.evaluators import threshold
from processor.rule import Example, Rule
from processor.rule_files import RuleFileError, load_rules
from store.model import Check, CheckKey

CASES = [(rule, example) for rule in load_rules() for example in rule.examples]


@pytest.mark.parametrize(("rule", "example"), CASES, ids=[f"{rule.rule_id}: {case.name}" for rule, case in CASES])
def test_the_example_of_a_rule_ends_as_it_says(rule: Rule, example: Example) -> None:
    check = Check(key=CheckKey("a", rule.rule_id, ""), state=State.OK, since_ms=0, value=0.0)
    for step, value in enumerate(example.values):
        at_ms = round(step * example.interval_seconds * 1000)
        check = threshold.evaluate(rule, check, value, at_ms)
    assert check.state == example.ends


def test_the_words_of_every_rule_can_be_said() -> None:
    for rule in load_rules():
        words = {"mount": "/var", "value": 97.123, "limit": 95.0}
        assert "97" in rule.sentence.format_map(words)
        assert "{" not in rule.title.format_map(words)


BROKEN = """
- id: Disk
  metric: disk.usage_percent
  warning: {above: 80, clear_below: 85}
  hold_seconds: -1
  clear_hold_seconds: 10
  title: t
  sentence: s
  examples: []
"""


def test_a_broken_file_names_file_rule_and_every_key_at_once(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(BROKEN)
    (tmp_path / "other.yaml").write_text("- just text\n- {}")
    with pytest.raises(RuleFileError) as caught:
        load_rules(tmp_path)
    text = str(caught.value)
    for key in ("id", "warning", "hold_seconds", "examples"):
        assert f"mine.yaml: rule Disk: {key}: " in text
    assert "clear_below (85) must not be above the limit (80)" in text
    assert "other.yaml: rule number 1" in text


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("above: 90", "above: .nan", "finite"),
        ('title: "the CPU is saturated"', 'title: "the {cpu"', "cannot be filled in"),
        ("values: [99, 99, 99, 20]", "values: []", "at least 1"),
    ],
)
def test_what_would_fail_later_is_refused_at_once(tmp_path: Path, old: str, new: str, says: str) -> None:
    shipped = (Path(threshold.__file__).parents[1] / "rules" / "cpu.yaml").read_text()
    assert old in shipped
    (tmp_path / "cpu.yaml").write_text(shipped.replace(old, new))
    with pytest.raises(RuleFileError, match=says):
        load_rules(tmp_path)


def test_one_id_is_used_once(tmp_path: Path) -> None:
    shipped = (Path(threshold.__file__).parents[1] / "rules" / "cpu.yaml").read_text()
    (tmp_path / "a.yaml").write_text(shipped)
    (tmp_path / "b.yaml").write_text(shipped)
    with pytest.raises(RuleFileError, match="rule cpu-usage: the id is used twice"):
        load_rules(tmp_path)


def test_one_spike_at_the_end_of_a_hold_time_does_not_decide() -> None:
    [rule] = [rule for rule in load_rules() if rule.rule_id == "disk-usage"]
    check = Check(key=CheckKey("a", "disk-usage", ""), state=State.OK, since_ms=0, value=0.0)
    for step, value in enumerate([60.0, 90.0, 90.0, 97.0]):
        check = threshold.evaluate(rule, check, value, step * 5_000)
    assert (check.state, check.pending) == (State.WARNING, None)
