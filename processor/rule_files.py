"""Rules from YAML: a list of rules per file, each with its examples; those that ship are in `processor/rules/`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import ValidationError

from processor.check_results import CHECK_RULE
from processor.findings import OWN_RULES
from processor.rule import Rule
from processor.rule_examples import wrong_examples
from processor.rule_schema import problems_of, read_rule

RULES_FOLDER = Path(__file__).parent / "rules"
FILES_RULE = "rule-files"  # the rule of incidents about these files
RESERVED = OWN_RULES | {CHECK_RULE, FILES_RULE}
LARGEST_FILE_BYTES = 1024 * 1024


class RuleFileError(Exception):
    """Rule files that cannot be used; the text names each file, rule and key."""


@dataclass(frozen=True, slots=True)
class Found:
    """One entry of a file: the rule it says, or what is wrong with it. `raw` is the entry as it was read."""

    label: str
    raw: object
    rule: Rule | None
    problems: Sequence[str] = ()

    @property
    def rule_id(self) -> str | None:
        """Its id as far as it has one, also when nothing else is in order."""
        named = self.raw.get("id") if isinstance(self.raw, dict) else None
        return named if isinstance(named, str) else None


def load_rules(folder: Path = RULES_FOLDER) -> list[Rule]:
    """All rules of a folder in the order of their files; raises RuleFileError with every problem at once."""
    rules: list[Rule] = []
    problems: list[str] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            found = read_file(path.name, read_text(path))
        except RuleFileError as error:
            problems.append(str(error))
            continue
        rules += [entry.rule for entry in found if entry.rule is not None]
        problems += [f"{path.name}: {entry.label}: {problem}" for entry in found for problem in entry.problems]
    problems.extend(_doubles(rules))
    if problems:
        raise RuleFileError("\n".join(problems))
    return rules


def read_text(path: Path) -> str:
    """Raises RuleFileError."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE_BYTES + 1)
        if len(content) > LARGEST_FILE_BYTES:
            raise RuleFileError(f"{path.name}: is larger than {LARGEST_FILE_BYTES} bytes")
        return content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RuleFileError(f"{path.name}: cannot be read: {error}") from error


def read_file(name: str, text: str) -> list[Found]:
    """The entries of a file; raises RuleFileError when there is no telling them apart."""
    try:
        entries = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        problem = " ".join(str(error).split())
        raise RuleFileError(f"{name}: cannot be read as YAML: {problem}") from error
    if not isinstance(entries, list):
        raise RuleFileError(f"{name}: must be a list of rules")
    return [_found(entry, position) for position, entry in enumerate(entries, start=1)]


def _found(raw: object, position: int) -> Found:
    named = isinstance(raw, dict) and raw.get("id")
    label = f"rule {named}" if named else f"rule number {position}"
    try:
        rule = read_rule(raw)
    except ValidationError as error:
        return Found(label, raw, None, problems_of(error))
    if rule.rule_id in RESERVED:
        return Found(label, raw, None, ["id: healthmon's own, choose another"])
    try:
        problems = wrong_examples(rule)
    except Exception as error:  # noqa: BLE001 whatever a file makes of its examples stops no other
        problems = [f"examples: cannot be run: {type(error).__name__}: {error}"]
    return Found(label, raw, None if problems else rule, problems)


def _doubles(rules: Sequence[Rule]) -> Iterable[str]:
    seen: set[str] = set()
    for rule in rules:
        if rule.rule_id in seen:
            yield f"rule {rule.rule_id}: the id is used twice"
        seen.add(rule.rule_id)
