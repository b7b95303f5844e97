"""Finds known problems in a text or behind a rule. Pure.

    text -> cleaned, bounded -> one pass over all patterns -> per pattern: first hit that no line takes back
         -> one match per problem, ranked

A text that fits nothing is tried once more with each line glued to the next, in case it was hard-wrapped within words.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from knowledge import ordinary
from knowledge.expressions import compile_expression, compile_filter
from knowledge.model import ANY_RULE, Confidence, KnownProblem, Match, Pattern, Severity, Symptom
from knowledge.pasted_text import MAX_TEXT_CHARS, PastedText, read_pasted
from knowledge.placeholders import fill_command, fill_step

MAX_HITS = 200  # of one pattern in one text; later ones are not looked at
MAX_LINES = 20
MAX_CAPTURED_CHARS = 300
MAX_REASON_LABEL_CHARS = 80  # of one label's value; a longer one is left out of the reason
_BESIDE_CHARS = 200  # of a hit's line, on either side, that may take the hit back

_SURENESS = {confidence: rank for rank, confidence in enumerate(Confidence)}
_URGENCY: Mapping[str, int] = {severity: rank for rank, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True)
class _Hit:
    """Where one pattern of one problem was found; `explained` counts matched characters outside captured values."""

    problem: KnownProblem
    pattern: Pattern
    words: str
    captured: Mapping[str, str]
    lines: Sequence[int]
    also_on: Sequence[int]  # lines of further places
    explained: int

    @property
    def rank(self) -> tuple[int, int, int, str]:
        return (_SURENESS[self.pattern.confidence], -self.explained, _URGENCY[self.problem.severity], self.problem.slug)


@dataclass(frozen=True, slots=True)
class _Fit:
    """A symptom of a problem that fits an incident; `captured` are the labels and what is named within them."""

    problem: KnownProblem
    symptom: Symptom
    captured: Mapping[str, str]

    @property
    def rank(self) -> tuple[int, int, int, str]:
        surest = _SURENESS[self.symptom.confidence]
        return (surest, -len(self.symptom.labels), _URGENCY[self.problem.severity], self.problem.slug)


class Matcher:
    """Holds the compiled patterns of the known problems; safe to share between threads."""

    def __init__(self, problems: Sequence[KnownProblem]) -> None:
        self._problems = tuple(problems)
        self._patterns = [(problem, pattern) for problem in problems for pattern in problem.patterns]
        self._filter = compile_filter([pattern.expression for _, pattern in self._patterns])
        self._ordinary = compile_filter(list(ordinary.EXPRESSIONS))

    def match_text(self, text: str) -> list[Match]:
        """All known problems that a text shows, the best first; only the last `MAX_TEXT_CHARS` characters are read.

        1. Exact before likely. 2. The match that explains more of the text (characters that matched outside captured
        values). 3. The more severe. 4. By slug.
        """
        pasted = read_pasted(text)
        hits = self._hits(pasted)
        if not hits and len(pasted.lines) > 1:
            hits = self._hits(pasted.with_lines_glued())
        return [_text_match(hit, pasted.cut) for hit in sorted(hits, key=lambda hit: hit.rank)]

    def match_symptom(self, rule: str, severity: str, labels: Mapping[str, str]) -> list[Match]:
        """The known problems behind a rule's incident, the best first; `labels` are those of its reading.

        1. Likely before weak. 2. The one that asks for more labels. 3. The more severe. 4. By slug. Those of any rule,
        for which the rule is a label too, are asked where none fits. A `severity` like unknown counts as a warning.
        """
        found = self._fits(rule, severity, labels) or self._fits(ANY_RULE, severity, {**labels, "rule": rule})
        ordered = sorted(found, key=lambda fit: fit.rank)
        return [_symptom_match(fit, rule, severity, labels) for fit in ordered]

    def _fits(self, named: str, severity: str, labels: Mapping[str, str]) -> list[_Fit]:
        """Each problem once, by the symptom that fits best."""
        best: dict[str, _Fit] = {}
        for problem in self._problems:
            for symptom in problem.symptoms:
                captured = _captured(symptom, severity, labels) if symptom.rule == named else None
                if captured is None:
                    continue
                fit = _Fit(problem, symptom, captured)
                if problem.slug not in best or fit.rank < best[problem.slug].rank:
                    best[problem.slug] = fit
        return list(best.values())

    def _hits(self, pasted: PastedText) -> list[_Hit]:
        best: dict[str, _Hit] = {}
        for index in (self._patterns and self._filter.Match(pasted.text)) or ():
            problem, pattern = self._patterns[index]
            hit = self._hit(problem, pattern, pasted)
            if hit and (problem.slug not in best or hit.rank < best[problem.slug].rank):
                best[problem.slug] = hit
        return list(best.values())

    def _hit(self, problem: KnownProblem, pattern: Pattern, pasted: PastedText) -> _Hit | None:
        standing = self._standing(problem, pattern, pasted)
        first = next(standing, None)
        if first is None:
            return None
        captured = {name: _one_line(value) for name, value in first.groupdict().items() if value}
        explained = len(first[0]) - sum(len(value) for value in first.groupdict().values() if value)
        lines = pasted.lines_between(*_span(first))
        others = dict.fromkeys(pasted.lines_between(*_span(other))[0] for other in islice(standing, MAX_LINES))
        also_on = [line for line in others if line not in lines]
        return _Hit(problem, pattern, _one_line(first[0]), captured, lines, also_on, explained)

    def _standing(self, problem: KnownProblem, pattern: Pattern, pasted: PastedText) -> Iterator[Any]:
        """The pattern's places in the text that neither the problem's `unless` nor an ordinary line takes back."""
        vetoes = [compile_expression(expression) for expression in problem.unless]
        for found in islice(compile_expression(pattern.expression).finditer(pasted.text), MAX_HITS):
            if pasted.glued and len(pasted.lines_between(*_span(found))) == 1:
                continue
            before, after = _beside(found, pasted.text)
            plain, marked = before + found[0] + after, before + ordinary.HIT + after
            if not self._ordinary.Match(marked) and not any(veto.search(plain) for veto in vetoes):
                yield found


def _span(found: Any) -> tuple[int, int]:
    """Where a hit's words begin and end, without white space around them that may be a line break."""
    start = found.end() - len(found[0].lstrip())
    return start, max(start + 1, start + len(found[0].strip()))


def _beside(found: Any, text: str) -> tuple[str, str]:
    """What stands on the hit's own lines before and after it, bounded."""
    before = text[max(0, found.start() - _BESIDE_CHARS) : found.start()]
    after = text[found.end() : found.end() + _BESIDE_CHARS]
    return before.rpartition("\n")[2], after.partition("\n")[0]


def _one_line(value: str) -> str:
    printable = "".join(character if character.isprintable() else " " for character in value)
    return " ".join(printable.split())[:MAX_CAPTURED_CHARS]


def _text_match(hit: _Hit, cut: bool) -> Match:
    reason = f'line {hit.lines[0]} says "{hit.words}"'
    reason += ", as do others" if hit.also_on else ""
    reason += f" (only the last {MAX_TEXT_CHARS:,} characters were read)" if cut else ""
    lines = (*hit.lines, *hit.also_on)[:MAX_LINES]
    return _filled(hit.problem, hit.pattern.confidence, reason, hit.captured, lines)


def _symptom_match(fit: _Fit, rule: str, severity: str, labels: Mapping[str, str]) -> Match:
    shown = {name: value for name, value in sorted(labels.items()) if 0 < len(value) <= MAX_REASON_LABEL_CHARS}
    where = ", ".join(f'{name}="{_one_line(value)}"' for name, value in shown.items())
    reason = f"the rule {rule} is {severity}" + (f" for {where}" if where else "")
    return _filled(fit.problem, fit.symptom.confidence, reason, fit.captured, ())


def _captured(symptom: Symptom, severity: str, labels: Mapping[str, str]) -> Mapping[str, str] | None:
    """What a symptom finds in an incident of its rule; None where it does not fit."""
    if _URGENCY.get(severity, _URGENCY[Severity.WARNING]) > _URGENCY[symptom.severity]:
        return None
    captured = dict(labels)
    for name, wanted in symptom.labels.items():
        found = compile_expression(wanted).fullmatch(labels[name]) if name in labels else None
        if found is None:
            return None
        captured |= {group: value for group, value in found.groupdict().items() if value}
    return {name: _one_line(value) for name, value in captured.items()}


def _filled(
    problem: KnownProblem, confidence: Confidence, reason: str, captured: Mapping[str, str], lines: Sequence[int]
) -> Match:
    return Match(
        slug=problem.slug,
        title=problem.title,
        meaning=problem.meaning,
        severity=problem.severity,
        confidence=confidence,
        reason=reason,
        captured=captured,
        lines=lines,
        steps=[fill_step(step, captured) for step in problem.steps],
        verify=fill_command(problem.verify, captured),
        references=problem.references,
    )
