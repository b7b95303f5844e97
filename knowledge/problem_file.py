"""Reads the text of one problem file; every problem of the file is reported at once, with its line. Pure."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

import yaml

from knowledge.expressions import expression_problem, named_groups
from knowledge.model import Confidence, Example, KnownProblem, Pattern, Severity, Step, Symptom
from knowledge.placeholders import placeholder_names

SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_PATTERN_KINDS = (Confidence.EXACT, Confidence.LIKELY)
_REQUIRED = ("title", "meaning", "severity", "steps", "verify", "examples")
_OPTIONAL = ("patterns", "unless", "symptoms", "references")

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)
Fields = Mapping[str, yaml.Node]


@dataclass(frozen=True, slots=True)
class FileError:
    """What is wrong in a file of the catalogue, and what is allowed there; `line` is None for the file as a whole."""

    path: str
    line: int | None
    detail: str

    def __str__(self) -> str:
        place = self.path if self.line is None else f"{self.path}:{self.line}"
        return f"{place}: {self.detail}"


def read_problem(slug: str, path: str, text: str) -> KnownProblem | list[FileError]:
    """Turn a file's text into a known problem, or into all that is wrong with it."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        return [FileError(path, mark.line + 1 if mark else None, f"is not YAML: {getattr(error, 'problem', error)}")]
    reader = _Reader(path)
    problem = _problem(slug, root, reader)
    return reader.errors or problem


@dataclass(slots=True)
class _Reader:
    """Reads nodes into plain values; what does not fit is noted with its line and replaced by an empty value."""

    path: str
    errors: list[FileError] = field(default_factory=list)

    def wrong(self, node: yaml.Node | None, detail: str) -> None:
        self.errors.append(FileError(self.path, node.start_mark.line + 1 if node else None, detail))

    def fields(self, node: yaml.Node | None, key: str, required: Sequence[str], optional: Sequence[str]) -> Fields:
        if not isinstance(node, yaml.MappingNode):
            self.wrong(node, f"{key} must be a mapping with {_listed(required or optional)}")
            return {}
        fields: dict[str, yaml.Node] = {}
        for name_node, value in node.value:
            self._note_field(fields, name_node, key, (*required, *optional))
            fields[str(name_node.value)] = value
        if missing := [name for name in required if name not in fields]:
            self.wrong(node, f"{key} lacks {_listed(missing)}")
        return fields

    def _note_field(self, known: Fields, name_node: yaml.Node, key: str, allowed: Sequence[str]) -> None:
        if name_node.value in known:
            self.wrong(name_node, f"{key} has {name_node.value!r} twice")
        elif name_node.value not in allowed:
            self.wrong(name_node, f"{key} has the unknown key {name_node.value!r}; use {_listed(allowed)}")

    def strings(self, node: yaml.Node, key: str) -> dict[str, str]:
        """A mapping whose keys are free, like labels."""
        if not isinstance(node, yaml.MappingNode):
            self.wrong(node, f"{key} must be a mapping of names to texts")
            return {}
        return {str(name.value): self.string(value, f"{key}.{name.value}") for name, value in node.value}

    def string(self, node: yaml.Node, key: str) -> str:
        if not isinstance(node, yaml.ScalarNode) or not node.value.strip():
            self.wrong(node, f"{key} must be a text (put it in quotes when it holds ': ' or ' #')")
            return ""
        return str(node.value)

    def choice(self, node: yaml.Node, key: str, choices: type[E]) -> E | None:
        value = self.string(node, key)
        if value in {member.value for member in choices}:
            return choices(value)
        self.wrong(node, f"{key} is {value!r}; use {_listed([member.value for member in choices])}")
        return None

    def items(self, node: yaml.Node | None, key: str, read: Callable[[yaml.Node, str], T]) -> list[T]:
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            self.wrong(node, f"{key} must be a list")
            return []
        return [read(item, f"{key}[{index}]") for index, item in enumerate(node.value)]

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
        fields = self.fields(node, key, ["rule"], ["severity", "labels"])
        rule = self.string(fields["rule"], f"{key}.rule") if "rule" in fields else ""
        severity = self.choice(fields["severity"], f"{key}.severity", Severity) if "severity" in fields else None
        labels = self.strings(fields["labels"], f"{key}.labels") if "labels" in fields else {}
        for name, wanted in labels.items():
            # An empty label value may be wanted, so an expression like ".*" is fine here.
            if (wrong := expression_problem(wanted)) and "empty text" not in wrong:
                self.wrong(fields["labels"], f"{key}.labels.{name}: {wrong}")
        return Symptom(rule, severity or Severity.INFO, labels)

    def example(self, node: yaml.Node, key: str) -> Example:
        if isinstance(node, yaml.ScalarNode):
            return Example(self.string(node, key))
        fields = self.fields(node, key, ["text"], ["captured"])
        text = self.string(fields["text"], f"{key}.text") if "text" in fields else ""
        return Example(text, self.strings(fields["captured"], f"{key}.captured") if "captured" in fields else {})


def _problem(slug: str, root: yaml.Node | None, reader: _Reader) -> KnownProblem:
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


def _patterns(node: yaml.Node | None, reader: _Reader) -> list[Pattern]:
    fields = reader.fields(node, "patterns", [], _PATTERN_KINDS) if node is not None else {}
    return [
        Pattern(expression, kind)
        for kind in _PATTERN_KINDS
        for expression in reader.items(fields.get(kind), f"patterns.{kind}", reader.expression)
    ]


def _examples(node: yaml.Node | None, reader: _Reader) -> tuple[list[Example], list[str]]:
    fields = reader.fields(node, "examples", [], ["must_match", "must_not_match"]) if node is not None else {}
    return (
        reader.items(fields.get("must_match"), "examples.must_match", reader.example),
        reader.items(fields.get("must_not_match"), "examples.must_not_match", reader.string),
    )


def _check_whole(problem: KnownProblem, root: yaml.Node | None, fields: Fields, reader: _Reader) -> None:
    """What only shows when all of the file is seen together."""
    if not problem.patterns and not problem.symptoms:
        reader.wrong(root, "nothing leads to this problem; give it patterns or symptoms")
    if "steps" in fields and not problem.steps:
        reader.wrong(fields["steps"], "steps is empty; say what to do first")
    if problem.patterns and not (problem.must_match and problem.must_not_match):
        reader.wrong(fields.get("examples", root), "patterns need examples: must_match and must_not_match")
    known = {name for pattern in problem.patterns for name in named_groups(pattern.expression)}
    known |= {name for symptom in problem.symptoms for name in symptom.labels}
    for template in _templates(problem):
        for name in sorted(placeholder_names(template) - known):
            reader.wrong(fields.get("steps", root), f"placeholder {{{name}}} is captured nowhere; {_capturable(known)}")


def _templates(problem: KnownProblem) -> list[str]:
    return [problem.verify, *(part for step in problem.steps for part in (step.text, step.command) if part)]


def _capturable(known: set[str]) -> str:
    return f"use {_listed(sorted(known))}" if known else "no pattern or symptom label names a value"


def _listed(names: Sequence[str]) -> str:
    *most, last = [str(name) for name in names]
    return f"{', '.join(most)} or {last}" if most else last
