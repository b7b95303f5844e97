"""The frozen types of the catalogue and of what the matcher answers. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

ANY_RULE = "*"  # as a symptom's rule: every one that no other symptom names


class Severity(StrEnum):
    """How urgent a problem or a rule's state is, the most urgent first."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class Confidence(StrEnum):
    """How sure a match is, the surest first: `exact` needs a full pattern hit, never mere similarity."""

    EXACT = "exact"
    LIKELY = "likely"
    WEAK = "weak"


@dataclass(frozen=True, slots=True)
class Pattern:
    """What programs print: an RE2 expression. Named groups are the captured values."""

    expression: str
    confidence: Confidence = Confidence.EXACT


@dataclass(frozen=True, slots=True)
class Symptom:
    """A processor's rule that sees this problem, from a severity on, where the labels fit whole-string expressions.

    Named groups of these are captured values. `weak` is what only may be behind the rule's incident, and comes last.
    """

    rule: str
    severity: Severity = Severity.INFO
    labels: Mapping[str, str] = field(default_factory=dict)
    confidence: Confidence = Confidence.LIKELY


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do. `command` is only shown to people; `{name}` or `{name=default}` stands for a captured value."""

    text: str
    command: str | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """A text that must match, and some of the values it must capture."""

    text: str
    captured: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownProblem:
    """One file of the catalogue. A hit of an `unless` expression on the same line takes a pattern's hit back."""

    slug: str
    title: str
    meaning: str
    severity: Severity
    patterns: Sequence[Pattern] = ()
    unless: Sequence[str] = ()
    symptoms: Sequence[Symptom] = ()
    steps: Sequence[Step]
    verify: str
    references: Sequence[str] = ()
    must_match: Sequence[Example] = ()
    must_not_match: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A known problem that fits, ready to show: captured values stand in `steps` and `verify`.

    `reason` says in words why it fits; `lines` are 1-based and empty when a rule, not a text, was matched.
    """

    slug: str
    title: str
    meaning: str
    severity: Severity
    confidence: Confidence
    reason: str
    captured: Mapping[str, str]
    lines: Sequence[int]
    steps: Sequence[Step]
    verify: str
    references: Sequence[str]
