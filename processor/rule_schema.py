"""One rule as a file says it, checked key by key."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator

from health.machine import Patience
from health.rule import Level, Words
from health.state import State
from processor.rule import TIMED, Example, Kind, Rule
from rabbitmq.records import LONGEST_NAME
from store.model import Step

Seconds = Annotated[float, Field(ge=0, le=366 * 86400)]
Count = Annotated[int, Field(ge=1, le=1000)]
Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
Sentence = Annotated[str, Field(min_length=1, max_length=1000)]

AFFECTED = "fleet.affected_percent"  # what a fleet's value is called, which is of no metric

_OWN_KEYS = {
    "window_seconds": {Kind.RATE, Kind.FORECAST, Kind.ANOMALY, Kind.FLEET},
    "full_at": {Kind.FORECAST},
    "days": {Kind.ANOMALY},
    "minimum_spread": {Kind.ANOMALY},
    "of": {Kind.FLEET},
    "minimum_agents": {Kind.FLEET},
}
_WORDS = {"missing": "must be set", "extra_forbidden": "there is no such key"}
_NEEDED_KEYS = {
    Kind.RATE: {"metric", "window_seconds"},
    Kind.FORECAST: {"metric", "window_seconds", "full_at"},
    Kind.FLEET: {"of"},
}


def read_rule(entry: object) -> Rule:
    """The rule; raises pydantic.ValidationError with every problem."""
    return _Rule.model_validate(entry).rule()


def problems_of(error: ValidationError) -> list[str]:
    """Key and message of each."""
    told = [(".".join(map(str, problem["loc"])), _words(problem)) for problem in error.errors(include_url=False)]
    return [f"{place}: {words}" if place else words for place, words in told]


def _words(problem: Any) -> str:
    """Of what people get wrong most; the rest in pydantic's own."""
    return _WORDS.get(problem["type"]) or str(problem["msg"]).removeprefix("Value error, ")


class _Level(BaseModel):
    """Bad above a limit or below one; it ends beyond its clear level."""

    model_config = ConfigDict(extra="forbid")
    above: FiniteFloat | None = None
    clear_below: FiniteFloat | None = None
    below: FiniteFloat | None = None
    clear_above: FiniteFloat | None = None

    @model_validator(mode="after")
    def _has_one_pair(self) -> "_Level":
        given = {name for name in type(self).model_fields if getattr(self, name) is not None}
        if given not in ({"above", "clear_below"}, {"below", "clear_above"}):
            raise ValueError("needs above and clear_below, or below and clear_above")
        if self.above is not None and self.clear_below is not None and self.clear_below > self.above:
            raise ValueError(f"clear_below ({self.clear_below:g}) must not be above the limit ({self.above:g})")
        if self.below is not None and self.clear_above is not None and self.clear_above < self.below:
            raise ValueError(f"clear_above ({self.clear_above:g}) must not be below the limit ({self.below:g})")
        return self

    @property
    def sign(self) -> int:
        return 1 if self.above is not None else -1

    def level(self) -> Level:
        return Level(
            limit=(self.above if self.below is None else self.below) or 0.0,
            clear=(self.clear_below if self.clear_above is None else self.clear_above) or 0.0,
        )


class _Example(BaseModel):
    model_config = ConfigDict(extra="allow")
    name: Name
    interval_seconds: Annotated[float, Field(gt=0)] = 5
    values: Annotated[list[FiniteFloat | None], Field(max_length=10_000)] = []
    ends: State

    def example(self) -> Example:
        return Example(
            name=self.name,
            ends=self.ends,
            interval_seconds=self.interval_seconds,
            values=self.values,
            series=self.model_extra or {},
        )


class _Step(BaseModel):
    """One thing to do; the command is shown to people and never run."""

    model_config = ConfigDict(extra="forbid")
    text: Sentence
    command: Sentence | None = None


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: Annotated[str, Field(pattern="^[a-z][a-z0-9-]*$", max_length=64)]
    kind: Kind = Kind.THRESHOLD
    metric: Annotated[str, Field(max_length=LONGEST_NAME)] = ""
    groups: list[Name] = []
    warning: _Level | None = None
    critical: _Level | None = None
    attempts: Count = 1
    hold_seconds: Seconds = 0
    clear_attempts: Count = 1
    clear_hold_seconds: Seconds = 0
    window_seconds: Annotated[float, Field(gt=0, le=366 * 86400)] | None = None
    full_at: FiniteFloat | None = None
    days: Annotated[int, Field(ge=1, le=366)] | None = None
    minimum_spread: Annotated[FiniteFloat, Field(ge=0)] | None = None
    of: str | None = None
    minimum_agents: Count | None = None
    title: Name
    sentence: Sentence
    steps: Annotated[list[_Step], Field(max_length=20)] = []
    examples: Annotated[list[_Example], Field(min_length=2)]

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> "_Rule":
        given = {name for name in type(self).model_fields if getattr(self, name) not in (None, "")}
        for name in sorted(_NEEDED_KEYS.get(self.kind, {"metric"}) - given):
            raise ValueError(f"{name}: a rule of the kind {self.kind} needs it")
        for name in sorted(key for key, kinds in _OWN_KEYS.items() if key in given and self.kind not in kinds):
            raise ValueError(f"{name}: a rule of the kind {self.kind} does not have it")
        return self

    @model_validator(mode="after")
    def _has_levels_of_one_side(self) -> "_Rule":
        levels = [level for level in (self.warning, self.critical) if level is not None]
        if not levels:
            raise ValueError("needs warning, critical or both")
        if len({level.sign for level in levels}) > 1:
            raise ValueError("critical: must have its limit on the same side as warning")
        if len(levels) == 2 and _is_beyond(levels[0].level(), levels[1].level(), levels[0].sign):
            raise ValueError("critical: its limit must lie beyond the one of warning")
        return self

    @model_validator(mode="after")
    def _can_be_said(self) -> "_Rule":
        """Refuse a format string that would fail on the day it is needed; a timer's words are not known here."""
        words = _AnyWords() if self.kind in TIMED else Words()
        words.update(value=1.5, limit=1.0)
        for key in ("title", "sentence"):
            try:
                getattr(self, key).format_map(words)
            except (ValueError, TypeError, AttributeError, LookupError) as error:
                raise ValueError(f"{key}: cannot be filled in: {error}") from None
        return self

    @model_validator(mode="after")
    def _has_examples_of_its_kind(self) -> "_Rule":
        if self.kind not in TIMED:
            for example in self.examples:
                if example.model_extra:
                    raise ValueError(f"examples: {example.name}: {', '.join(example.model_extra)}: no such key")
                if not example.values:
                    raise ValueError(f"examples: {example.name}: values: at least 1 is needed")
        return self

    def rule(self) -> Rule:
        levels = {State.WARNING: self.warning, State.CRITICAL: self.critical}
        own = {
            name: value
            for name in ("full_at", "days", "minimum_spread", "of", "minimum_agents")
            if (value := getattr(self, name)) is not None
        }
        return Rule(
            rule_id=self.id,
            metric=self.metric or AFFECTED,
            kind=self.kind,
            groups=frozenset(self.groups),
            levels={state: level.level() for state, level in levels.items() if level is not None},
            sign=next(level.sign for level in levels.values() if level is not None),
            patience=Patience(
                attempts=self.attempts,
                hold_ms=round(self.hold_seconds * 1000),
                clear_attempts=self.clear_attempts,
                clear_hold_ms=round(self.clear_hold_seconds * 1000),
            ),
            window_ms=round((self.window_seconds or 0) * 1000),
            title=self.title,
            sentence=self.sentence,
            steps=tuple(Step(text=step.text, command=step.command) for step in self.steps),
            examples=tuple(example.example() for example in self.examples),
            **own,
        )


def _is_beyond(level: Level, other: Level, sign: int) -> bool:
    return level.limit * sign > other.limit * sign


class _AnyWord:
    """Can be filled in as a number or as text."""

    def __format__(self, specification: str) -> str:
        try:
            return format(1.5, specification)
        except ValueError:
            return format("text", specification)


class _AnyWords(Words):
    def __missing__(self, name: str) -> Any:
        return _AnyWord()
