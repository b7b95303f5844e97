"""Users' rules: read again when a file changes, and in force as they were while a file is in error."""

import logging
import os
from pathlib import Path

import pytest

from health.state import State
from processor.memory import FleetMemory
from processor.rule_book import RuleBook
from processor.rule_files import load_rules
from processor.rule_watch import tell
from store.model import HUB, FleetState

RULE = """
- id: {id}
  metric: {metric}
  warning: {{above: {limit}, clear_below: 1}}
  title: "{id} is bad"
  sentence: "{{value:g}}, limit {{limit:g}}"
  examples:
    - {{name: bad, values: [1000], ends: {ends}}}
    - {{name: good, values: [0], ends: ok}}
"""


def entry(rule_id: str, limit: float = 10, metric: str = "load", ends: str = "warning") -> str:
    return RULE.format(id=rule_id, limit=limit, metric=metric, ends=ends)


def write(path: Path, text: str, at: int = 1) -> None:
    path.write_text(text)
    os.utime(path, (at, at))


def limits(book: RuleBook) -> dict[str, float]:
    shipped = {rule.rule_id for rule in load_rules()} - {"cpu-usage"}
    return {
        rule_id: rule.levels[State.WARNING].limit
        for rule_id, rule in book.rules.by_id.items()
        if (rule_id not in shipped and rule_id != "cpu-usage") or (rule_id == "cpu-usage" and rule.metric == "load")
    }


@pytest.fixture
def book(tmp_path: Path) -> RuleBook:
    return RuleBook(load_rules(), tmp_path, {})


def test_without_a_folder_the_rules_that_ship_are_in_force() -> None:
    book = RuleBook(load_rules(), None, {"left.yaml": entry("left")})
    assert not book.look()
    assert book.rules.by_id.keys() == {rule.rule_id for rule in load_rules()}
    assert book.contents == {}


def test_a_file_is_in_force_from_the_look_after_it_changed(book: RuleBook, tmp_path: Path) -> None:
    write(tmp_path / "mine.yaml", entry("mine"))
    assert book.look()
    assert not book.look()
    assert limits(book) == {"mine": 10}
    write(tmp_path / "mine.yaml", entry("mine", limit=20), at=2)
    assert book.look()
    assert limits(book) == {"mine": 20}
    (tmp_path / "mine.yaml").unlink()
    assert book.look()
    assert limits(book) == {}
    assert book.contents == {}


def test_what_an_editor_hides_in_the_folder_is_no_rule_file(book: RuleBook, tmp_path: Path) -> None:
    (tmp_path / ".#mine.yaml").symlink_to("nobody@nowhere")
    assert not book.look() or not book.problems
    assert book.contents == {}


def test_a_rule_of_ones_own_replaces_the_one_that_ships(
    book: RuleBook, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path / "cpu.yaml", entry("cpu-usage", limit=42))
    with caplog.at_level(logging.INFO):
        book.look()
    assert limits(book) == {"cpu-usage": 42}
    assert "rule cpu-usage of" in caplog.text


def test_a_rule_in_error_stays_as_it_was_and_the_others_load(
    book: RuleBook, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path / "mine.yaml", entry("one") + entry("two"))
    book.look()
    write(tmp_path / "mine.yaml", entry("one", limit=20) + entry("two", limit=-5) + entry("three"), at=2)
    book.look()
    assert limits(book) == {"one": 20, "two": 10, "three": 10}
    assert "mine.yaml: rule two: warning: " in caplog.text
    assert "clear_below (1) must not be above the limit (-5)" in book.problems["mine.yaml"]
    broken = entry("two", limit=-5).replace("  title:", "  tittle:")
    write(tmp_path / "mine.yaml", entry("one", limit=20) + broken, at=4)
    book.look()
    told = book.problems["mine.yaml"]
    assert told.count("mine.yaml") == 1, "a person reads the file's name once"
    assert "title: must be set; " in told
    assert "tittle: there is no such key" in told
    write(tmp_path / "mine.yaml", entry("one", limit=20), at=5)
    book.look()
    assert limits(book) == {"one": 20}
    assert book.problems == {}


def test_a_file_nobody_can_read_stays_in_force_as_it_was_even_over_a_restart(book: RuleBook, tmp_path: Path) -> None:
    write(tmp_path / "mine.yaml", entry("one") + entry("two"))
    write(tmp_path / "other.yaml", entry("other"))
    book.look()
    write(tmp_path / "mine.yaml", entry("one") + "  : [", at=2)
    write(tmp_path / "other.yaml", "\xff", at=2)
    book.look()
    assert limits(book) == {"one": 10, "two": 10, "other": 10}
    restarted = RuleBook(load_rules(), tmp_path, book.contents)
    restarted.look()
    assert limits(restarted) == {"one": 10, "two": 10, "other": 10}
    assert restarted.problems.keys() == {"mine.yaml", "other.yaml"}


def test_a_rule_that_was_kept_back_is_kept_over_a_restart_too(book: RuleBook, tmp_path: Path) -> None:
    write(tmp_path / "mine.yaml", entry("one") + entry("two"))
    book.look()
    write(tmp_path / "mine.yaml", entry("one", limit=20) + entry("two", ends="critical"), at=2)
    book.look()
    restarted = RuleBook(load_rules(), tmp_path, book.contents)
    restarted.look()
    assert limits(restarted) == limits(book) == {"one": 20, "two": 10}
    assert "'bad' ends warning, not critical" in restarted.problems["mine.yaml"]


def test_one_id_in_two_files_is_an_error_of_the_second(book: RuleBook, tmp_path: Path) -> None:
    write(tmp_path / "a.yaml", entry("mine", limit=1))
    write(tmp_path / "b.yaml", entry("mine", limit=2) + entry("mine-too"))
    book.look()
    assert limits(book) == {"mine": 1, "mine-too": 10}
    assert "b.yaml: rule mine: id: is used in a.yaml already" in book.problems["b.yaml"]


@pytest.mark.parametrize("name", ["check", "clock-skew", "rule-files"])
def test_names_of_healthmons_own_are_refused(book: RuleBook, tmp_path: Path, name: str) -> None:
    write(tmp_path / "mine.yaml", entry(name))
    book.look()
    assert "healthmon's own" in book.problems["mine.yaml"]
    assert limits(book) == {}


def test_a_folder_that_is_gone_takes_nothing_along(tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    folder.mkdir()
    write(folder / "mine.yaml", entry("mine"))
    book = RuleBook(load_rules(), folder, {})
    book.look()
    (folder / "mine.yaml").unlink()
    folder.rmdir()
    book.look()
    assert limits(book) == {"mine": 10}
    assert book.problems.keys() == {"rules"}
    folder.mkdir()
    book.look()
    assert (limits(book), book.problems) == ({}, {})


def told_of(memory: FleetMemory, at_ms: int, *changed: str, **problems: str) -> list[tuple[str, State, str]]:
    """What is said of the files with these names less their ending, and what memory then knows."""
    by_file = {f"{name}.yaml": problem for name, problem in problems.items()}
    decision = tell(by_file, changed, memory, lambda *_: (), at_ms)
    if decision is None:
        return []
    memory.apply(decision)
    assert {change.key.agent_id for change in decision.batch.incidents} <= {HUB}
    return [(change.change.value, change.severity, change.sentence) for change in decision.batch.incidents]


def test_an_incident_of_the_hub_says_so_until_it_is_mended() -> None:
    memory = FleetMemory(FleetState(agents={}, checks={}))
    assert told_of(memory, 0) == []
    assert told_of(memory, 5_000, "a.yaml", a="no list") == [("opened", State.WARNING, "no list")]
    assert told_of(memory, 10_000, a="no list") == []
    assert told_of(memory, 15_000, "a.yaml", a="no YAML") == [("restated", State.WARNING, "no YAML")]
    assert told_of(memory, 20_000) == [("closed", State.WARNING, "a.yaml is in order again")]
    assert told_of(memory, 25_000, "a.yaml", a="again") == [("opened", State.WARNING, "again")]


def test_what_does_not_change_is_not_written_for_ever() -> None:
    memory = FleetMemory(FleetState(agents={}, checks={}))
    for at_ms in range(60):
        told_of(memory, at_ms, a="no list")
    assert tell({"a.yaml": "no list"}, (), memory, lambda *_: (), 60) is None
