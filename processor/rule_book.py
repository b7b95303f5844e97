"""The rules in force: those that ship, and over them those of the user's folder, read again whenever a file changes.

file changed -> read -> rule in order: in force -> rule with an error: its version before, and the error is told
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from processor.rule import Rule
from processor.rule_files import Found, RuleFileError, read_file, read_text
from processor.rule_set import RuleSet

log = logging.getLogger(__name__)

MOST_FILES = 500
LONGEST_SENTENCE = 1000

Stamp = tuple[int, int]
_UNREAD: Mapping[str, Stamp | None] = {"": None}


class RuleBook:
    """`contents` are the user's files as they are in force, by name: what a restart needs as `remembered`.

    `problems` names each file that is not in order with what is wrong with it.
    """

    def __init__(self, shipped: Sequence[Rule], folder: Path | None, remembered: Mapping[str, str]) -> None:
        self._shipped = {rule.rule_id: rule for rule in shipped}
        self._folder = folder
        self._stamps: Mapping[str, Stamp | None] | None = _UNREAD
        self.contents: Mapping[str, str] = remembered if folder is not None else {}
        self.problems: Mapping[str, str] = {}
        self.rules = RuleSet(shipped)

    def look(self) -> bool:
        """Read the folder again if anything in it changed; whether it did. What is wrong is said once in the log."""
        if self._folder is None:
            return False
        stamps = _stamps(self._folder)
        if stamps == self._stamps:
            return False
        self._stamps = stamps
        self._read(self._folder, sorted(self.contents if stamps is None else stamps)[:MOST_FILES])
        if stamps is None:
            self.problems = {
                self._folder.name: f"the folder {self._folder} cannot be read: its rules stay as they were"
            }
        return True

    def _read(self, folder: Path, names: Sequence[str]) -> None:
        reading = _Reading(self.contents)
        for name in names:
            reading.read(folder / name)
        self.contents = reading.contents
        self.problems = {
            name: f"{_in_one(name, problems)}. What was in force before stays so"[:LONGEST_SENTENCE]
            for name, problems in reading.problems.items()
        }
        mine = {rule_id: found.rule for rule_id, found in reading.in_force.items() if found.rule is not None}
        for rule_id in sorted(mine.keys() & self._shipped.keys()):
            log.info("rule %s of %s is in force instead of the one that ships", rule_id, folder)
        for problem in (problem for problems in reading.problems.values() for problem in problems):
            log.error("rules: %s", problem)
        self.rules = RuleSet(list((self._shipped | mine).values()))
        log.info("%d rules in force, %d of them of %s", len(self.rules.by_id), len(mine), folder)


class _Reading:
    """The user's files, one after the other, over those that were in force before."""

    def __init__(self, before: Mapping[str, str]) -> None:
        self._before = before
        self._files: dict[str, str] = {}  # by the id of a rule
        self.in_force: dict[str, Found] = {}
        self.contents: dict[str, str] = {}
        self.problems: dict[str, list[str]] = {}

    def read(self, path: Path) -> None:
        name, before = path.name, self._valid_before(path.name)
        try:
            text = read_text(path)
            entries = read_file(name, text)
        except RuleFileError as error:
            self.problems[name] = [str(error)]
            self._take(name, before)
            if before:
                self.contents[name] = self._before[name]
            return
        problems = [f"{name}: {entry.label}: {problem}" for entry in entries for problem in entry.problems]
        taken: list[Found] = []
        for entry in entries:
            chosen = entry if entry.rule is not None else before_of(entry, before)
            if chosen is None or chosen.rule is None:
                continue
            other = self._files.get(chosen.rule.rule_id)
            if other is not None:
                problems.append(f"{name}: {entry.label}: id: is used in {other} already")
                continue
            self._take(name, [chosen])
            taken.append(chosen)
        if problems:
            self.problems[name] = problems
        in_force = yaml.safe_dump([entry.raw for entry in taken], sort_keys=False, allow_unicode=True)
        self.contents[name] = in_force if problems else text

    def _valid_before(self, name: str) -> list[Found]:
        try:
            return [entry for entry in read_file(name, self._before.get(name, "[]")) if entry.rule is not None]
        except RuleFileError:
            return []

    def _take(self, name: str, entries: Sequence[Found]) -> None:
        for entry in entries:
            if entry.rule is not None and entry.rule.rule_id not in self._files:
                self.in_force[entry.rule.rule_id] = entry
                self._files[entry.rule.rule_id] = name


def _in_one(name: str, problems: Sequence[str]) -> str:
    """All of a file's problems in one sentence that names the file once."""
    return f"{name}: {'; '.join(problem.removeprefix(f'{name}: ') for problem in problems)}"


def before_of(entry: Found, before: Sequence[Found]) -> Found | None:
    """The version of this entry that was in force before."""
    return next((old for old in before if old.rule_id == entry.rule_id), None)


def _stamps(folder: Path) -> Mapping[str, Stamp | None] | None:
    """When each file changed last and how long it is, hidden ones left out; None when the folder cannot be read."""
    try:
        if not folder.is_dir():
            return None
        return {path.name: _stamp(path) for path in folder.glob("*.yaml") if path.name[0] != "."}
    except OSError:
        return None


def _stamp(path: Path) -> Stamp | None:
    try:
        status = path.stat()
    except OSError:
        return None  # reading it will say why
    return status.st_mtime_ns, status.st_size
