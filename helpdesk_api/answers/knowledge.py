"""Known problems, and what a diagnosis found, as the API shows them."""

from pydantic import BaseModel, Field

from helpdesk_api.answers.incidents import StepAnswer
from knowledge.model import Confidence, KnownProblem, Match, Severity


class ProblemSummary(BaseModel):
    slug: str
    title: str
    severity: Severity


class KnownProblemAnswer(ProblemSummary):
    """A page of the knowledge base."""

    meaning: str
    patterns: list[str] = Field(description="Regular expressions (RE2) over the text that programs print.")
    rules: list[str] = Field(description="Checks whose incidents get this remedy.")
    steps: list[StepAnswer]
    verify: str
    references: list[str]


class MatchAnswer(BaseModel):
    """A known problem that the text shows. `lines` counts from 1."""

    slug: str
    title: str
    meaning: str
    severity: Severity
    confidence: Confidence
    reason: str
    captured: dict[str, str]
    lines: list[int]
    steps: list[StepAnswer]
    verify: str
    references: list[str]


class DiagnosisAnswer(BaseModel):
    """Known problems, the best first. `searched` says what was looked at, most useful when nothing was found."""

    matches: list[MatchAnswer]
    searched: str


def summary_answer(problem: KnownProblem) -> ProblemSummary:
    return ProblemSummary(slug=problem.slug, title=problem.title, severity=problem.severity)


def problem_answer(problem: KnownProblem) -> KnownProblemAnswer:
    return KnownProblemAnswer(
        slug=problem.slug,
        title=problem.title,
        severity=problem.severity,
        meaning=problem.meaning,
        patterns=[pattern.expression for pattern in problem.patterns],
        rules=list(dict.fromkeys(symptom.rule for symptom in problem.symptoms)),
        steps=[StepAnswer(text=step.text, command=step.command) for step in problem.steps],
        verify=problem.verify,
        references=list(problem.references),
    )


def match_answer(match: Match) -> MatchAnswer:
    return MatchAnswer(
        slug=match.slug,
        title=match.title,
        meaning=match.meaning,
        severity=match.severity,
        confidence=match.confidence,
        reason=match.reason,
        captured=dict(match.captured),
        lines=list(match.lines),
        steps=[StepAnswer(text=step.text, command=step.command) for step in match.steps],
        verify=match.verify,
        references=list(match.references),
    )
