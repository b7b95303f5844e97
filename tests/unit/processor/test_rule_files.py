"""The rules that ship, and what a broken file says."""

from dataclasses import replace
from pathlib import Path

import pytest

from health.state import State
from processor.rule import TIMED, Example, Rule
from processor.rule_examples import end_of, wrong_examples
from processor.rule_files import RULES_FOLDER, RuleFileError, load_rules
from store.model import Step


@pytest.mark.parametrize("rule", load_rules(), ids=lambda rule: rule.rule_id)
def test_an_example_that_ends_otherwise_than_it_says_is_an_error(rule: Rule) -> None:
    assert wrong_examples(rule) == []
    wrong = [replace(example, ends=State.UNKNOWN) for example in rule.examples]
    assert len(wrong_examples(replace(rule, examples=wrong))) == len(rule.examples)


def test_the_words_of_every_rule_can_be_said() -> None:
    for rule in load_rules():
        if rule.kind in TIMED:
            continue  # their words come from their timers
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
    assert "other.yaml: rule number 2: id: must be set" in text
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
        ("  title:", "  steps: [{command: top}]\n  title:", "cpu.yaml: rule cpu-usage: steps.0.text: must be set"),
        ("  title:", "  steps: [{text: a, do: b}]\n  title:", "steps.0.do: there is no such key"),
        ("  title:", "  steps: look\n  title:", "steps: Input should be a valid list"),
    ],
)
def test_what_would_fail_later_is_refused_at_once(tmp_path: Path, old: str, new: str, says: str) -> None:
    shipped = (RULES_FOLDER / "cpu.yaml").read_text()
    assert old in shipped
    (tmp_path / "cpu.yaml").write_text(shipped.replace(old, new))
    with pytest.raises(RuleFileError, match=says):
        load_rules(tmp_path)


def test_a_rule_may_say_what_to_do(tmp_path: Path) -> None:
    shipped = (RULES_FOLDER / "cpu.yaml").read_text()
    steps = "  steps:\n    - {text: See who., command: top}\n    - {text: Call us.}\n"
    (tmp_path / "cpu.yaml").write_text(shipped.replace("  title:", f"{steps}  title:"))
    [rule] = load_rules(tmp_path)
    assert rule.steps == (Step(text="See who.", command="top"), Step(text="Call us."))


def test_one_id_is_used_once(tmp_path: Path) -> None:
    shipped = (RULES_FOLDER / "cpu.yaml").read_text()
    (tmp_path / "a.yaml").write_text(shipped)
    (tmp_path / "b.yaml").write_text(shipped)
    with pytest.raises(RuleFileError, match="rule cpu-usage: the id is used twice"):
        load_rules(tmp_path)


def test_one_spike_at_the_end_of_a_hold_time_does_not_decide() -> None:
    [rule] = [rule for rule in load_rules() if rule.rule_id == "disk-usage"]
    spike = Example(name="spike", ends=State.WARNING, values=[60.0, 90.0, 90.0, 97.0])
    assert end_of(rule, spike) is State.WARNING
