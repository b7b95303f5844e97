"""Rules from YAML: `processor/rules/*.yaml`, a list of rules per file, each with its examples."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator

from health.state import State
from processor.rule import Example, Level, Rule, Words

RULES_FOLDER = Path(__file__).parent / "rules"


class RuleFileError(Exception):
    """Rule files that cannot be used; the text names each file, rule and key."""


def _can_be_said(words: str) -> str:
    """Refuse a format string that would fail on the day it is needed."""
    try:
        words.format_map(Words(value=1.5, limit=1.0))
    except (ValueError, TypeError, AttributeError, LookupError) as error:
        raise ValueError(f"cannot be filled in: {error}") from None
    return words


class _Level(BaseModel):
    model_config = ConfigDict(extra="forbid")
    above: FiniteFloat
    clear_below: FiniteFloat

    @model_validator(mode="after")
    def _clears_below_its_limit(self) -> "_Level":
        if self.clear_below > self.above:
            raise ValueError(f"clear_below ({self.clear_below:g}) must not be above the limit ({self.above:g})")
        return self


class _Example(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    interval_seconds: Annotated[float, Field(gt=0)] = 5
    values: Annotated[list[FiniteFloat], Field(min_length=1)]
    ends: State


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: Annotated[str, Field(pattern="^[a-z][a-z0-9-]*$")]
    metric: str
    warning: _Level | None = None
    critical: _Level | None = None
    hold_seconds: Annotated[float, Field(ge=0)]
    clear_hold_seconds: Annotated[float, Field(ge=0)]
    title: Annotated[str, AfterValidator(_can_be_said)]
    sentence: Annotated[str, AfterValidator(_can_be_said)]
    examples: Annotated[list[_Example], Field(min_length=2)]

    @model_validator(mode="after")
    def _has_a_level(self) -> "_Rule":
        if self.warning is None and self.critical is None:
            raise ValueError("needs warning, critical or both")
        return self


def load_rules(folder: Path = RULES_FOLDER) -> list[Rule]:
    """All rules of a folder in the order of their files; raises RuleFileError with every problem at once."""
    rules: list[Rule] = []
    problems: list[str] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            rules.extend(_read(path))
        except RuleFileError as error:
            problems.append(str(error))
    problems.extend(_doubles(rules))
    if problems:
        raise RuleFileError("\n".join(problems))
    return rules


def _read(path: Path) -> Iterable[Rule]:
    try:
        entries = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise RuleFileError(f"{path.name}: cannot be read as YAML: {error}") from error
    if not isinstance(entries, list):
        raise RuleFileError(f"{path.name}: must be a list of rules")
    problems: list[str] = []
    rules: list[Rule] = []
    for position, entry in enumerate(entries):
        try:
            rules.append(_rule(_Rule.model_validate(entry)))
        except ValidationError as error:
            problems.extend(f"{path.name}: {_label(entry, position)}: {line}" for line in _lines(error))
    if problems:
        raise RuleFileError("\n".join(problems))
    return rules


def _label(entry: Any, position: int) -> str:
    named = isinstance(entry, dict) and entry.get("id")
    return f"rule {named}" if named else f"rule number {position + 1}"


def _lines(error: ValidationError) -> Iterable[str]:
    for problem in error.errors():
        place = ".".join(str(part) for part in problem["loc"])
        yield f"{place}: {problem['msg']}" if place else problem["msg"]


def _doubles(rules: Sequence[Rule]) -> Iterable[str]:
    seen: set[str] = set()
    for rule in rules:
        if rule.rule_id in seen:
            yield f"rule {rule.rule_id}: the id is used twice"
        seen.add(rule.rule_id)


def _rule(read: _Rule) -> Rule:
    levels = {State.WARNING: read.warning, State.CRITICAL: read.critical}
    return Rule(
        rule_id=read.id,
        metric=read.metric,
        levels={
            state: Level(above=level.above, clear_below=level.clear_below)
            for state, level in levels.items()
            if level is not None
        },
        hold_ms=round(read.hold_seconds * 1000),
        clear_hold_ms=round(read.clear_hold_seconds * 1000),
        title=read.title,
        sentence=read.sentence,
        examples=[Example(**example.model_dump()) for example in read.examples],
    )
