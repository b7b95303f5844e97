"""Reads the text of one problem file; every problem of the file is reported at once, with its line. Pure."""

import re
from enum import StrEnum

import yaml

from knowledge.expressions import expression_problem, named_groups
from knowledge.model import Confidence, Example, KnownProblem, Pattern, Severity, Step, Symptom
from knowledge.placeholders import placeholder_names
from knowledge.yaml_fields import Fields, FileError, Reader, listed

SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_PATTERN_KINDS = (Confidence.EXACT, Confidence.LIKELY)
_REQUIRED = ("title", "meaning", "severity", "steps", "verify")
_OPTIONAL = ("patterns", "unless", "symptoms", "references", "examples")


def read_problem(slug: str, path: str, text: str) -> KnownProblem | list[FileError]:
    """Turn a file's text into a known problem, or into all that is wrong with it."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        return [FileError(path, mark.line + 1 if mark else None, f"is not YAML: {getattr(error, 'problem', error)}")]
    reader = _ProblemReader(path)
    problem = _problem(slug, root, reader)
    return reader.errors or problem


class _Guess(StrEnum):
    """How sure a symptom may be; exact are patterns alone."""

    LIKELY = Confidence.LIKELY.value
    WEAK = Confidence.WEAK.value


class _ProblemReader(Reader):
    """Reads the parts of a problem file."""

    def expression(self, node: yaml.Node, key: str) -> str:
        value = self.string(node, key)
        if value and (wrong := expression_problem(value)):
            self.wrong(node, f"{key}: {wrong}")
            return "unreadable"
        return value

    def step(self, node: yaml.Node, key: str) -> Step:
        fields = self.fields(node, key, ["text"], ["command"])
        found = {name: self.string(fields[name], f"{key}.{name}") for name in ("text", "command") if name in fields}
        return Step(found.get("text", ""), found.get("command"))

    def symptom(self, node: yaml.Node, key: str) -> Symptom:
        fields = self.fields(node, key, ["rule"], ["severity", "labels", "confidence"])
        rule = self.string(fields["rule"], f"{key}.rule") if "rule" in fields else ""
        severity = self.choice(fields["severity"], f"{key}.severity", Severity) if "severity" in fields else None
        labels = self.strings(fields["labels"], f"{key}.labels") if "labels" in fields else {}
        for name, wanted in labels.items():
            # An empty label value may be wanted, so an expression like ".*" is fine here.
            if (wrong := expression_problem(wanted)) and "empty text" not in wrong:
                self.wrong(fields["labels"], f"{key}.labels.{name}: {wrong}")
                labels[name] = "unreadable"
        guess = self.choice(fields["confidence"], f"{key}.confidence", _Guess) if "confidence" in fields else None
        return Symptom(rule, severity or Severity.INFO, labels, Confidence(guess or _Guess.LIKELY))

    def example(self, node: yaml.Node, key: str) -> Example:
        if isinstance(node, yaml.ScalarNode):
            return Example(self.string(node, key))
        fields = self.fields(node, key, ["text"], ["captured"])
        text = self.string(fields["text"], f"{key}.text") if "text" in fields else ""
        return Example(text, self.strings(fields["captured"], f"{key}.captured") if "captured" in fields else {})


def _problem(slug: str, root: yaml.Node | None, reader: _ProblemReader) -> KnownProblem:
    if not SLUG.fullmatch(slug):
        reader.wrong(None, f"the file name is the slug and {slug!r} is none; use small letters, digits and hyphens")
    fields = reader.fields(root, "the file", _REQUIRED, _OPTIONAL)
    text = {key: reader.string(fields[key], key) for key in ("title", "meaning", "verify") if key in fields}
    severity = reader.choice(fields["severity"], "severity", Severity) if "severity" in fields else None
    must_match, must_not_match = _examples(fields.get("examples"), reader)
    problem = KnownProblem(
        slug=slug,
        title=text.get("title", ""),
        meaning=text.get("meaning", ""),
        severity=severity or Severity.INFO,
        patterns=_patterns(fields.get("patterns"), reader),
        unless=reader.items(fields.get("unless"), "unless", reader.expression),
        symptoms=reader.items(fields.get("symptoms"), "symptoms", reader.symptom),
        steps=reader.items(fields.get("steps"), "steps", reader.step),
        verify=text.get("verify", ""),
        references=reader.items(fields.get("references"), "references", reader.string),
        must_match=must_match,
        must_not_match=must_not_match,
    )
    _check_whole(problem, root, fields, reader)
    return problem


def _patterns(node: yaml.Node | None, reader: _ProblemReader) -> list[Pattern]:
    fields = reader.fields(node, "patterns", [], _PATTERN_KINDS) if node is not None else {}
    return [
        Pattern(expression, kind)
        for kind in _PATTERN_KINDS
        for expression in reader.items(fields.get(kind), f"patterns.{kind}", reader.expression)
    ]


def _examples(node: yaml.Node | None, reader: _ProblemReader) -> tuple[list[Example], list[str]]:
    fields = reader.fields(node, "examples", [], ["must_match", "must_not_match"]) if node is not None else {}
    return (
        reader.items(fields.get("must_match"), "examples.must_match", reader.example),
        reader.items(fields.get("must_not_match"), "examples.must_not_match", reader.string),
    )


def _check_whole(problem: KnownProblem, root: yaml.Node | None, fields: Fields, reader: _ProblemReader) -> None:
    """What only shows when all of the file is seen together."""
    if not problem.patterns and not problem.symptoms:
        reader.wrong(root, "nothing leads to this problem; give it patterns or symptoms")
    if "steps" in fields and not problem.steps:
        reader.wrong(fields["steps"], "steps is empty; say what to do first")
    if problem.patterns and not (problem.must_match and problem.must_not_match):
        reader.wrong(fields.get("examples", root), "patterns need examples: must_match and must_not_match")
    known = {name for pattern in problem.patterns for name in named_groups(pattern.expression)}
    asked = [label for symptom in problem.symptoms for label in symptom.labels.items()]
    known |= {captured for name, wanted in asked for captured in (name, *named_groups(wanted))}
    for template in _templates(problem):
        for name in sorted(placeholder_names(template) - known):
            reader.wrong(fields.get("steps", root), f"placeholder {{{name}}} is captured nowhere; {_capturable(known)}")


def _templates(problem: KnownProblem) -> list[str]:
    return [problem.verify, *(part for step in problem.steps for part in (step.text, step.command) if part)]


def _capturable(known: set[str]) -> str:
    return f"use {listed(sorted(known))}" if known else "no pattern or symptom label names a value"
