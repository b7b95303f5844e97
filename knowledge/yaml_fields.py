"""Reads the nodes of a YAML text one by one, so that every mistake is noted with its line. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

import yaml

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


@dataclass(slots=True)
class Reader:
    """Reads nodes into plain values; what does not fit is noted with its line and replaced by an empty value."""

    path: str
    errors: list[FileError] = field(default_factory=list)

    def wrong(self, node: yaml.Node | None, detail: str) -> None:
        self.errors.append(FileError(self.path, node.start_mark.line + 1 if node else None, detail))

    def fields(self, node: yaml.Node | None, key: str, required: Sequence[str], optional: Sequence[str]) -> Fields:
        if not isinstance(node, yaml.MappingNode):
            self.wrong(node, f"{key} must be a mapping with {listed(required or optional)}")
            return {}
        fields: dict[str, yaml.Node] = {}
        for name_node, value in node.value:
            self._note_field(fields, name_node, key, (*required, *optional))
            fields[str(name_node.value)] = value
        if missing := [name for name in required if name not in fields]:
            self.wrong(node, f"{key} lacks {listed(missing)}")
        return fields

    def _note_field(self, known: Fields, name_node: yaml.Node, key: str, allowed: Sequence[str]) -> None:
        if name_node.value in known:
            self.wrong(name_node, f"{key} has {name_node.value!r} twice")
        elif name_node.value not in allowed:
            self.wrong(name_node, f"{key} has the unknown key {name_node.value!r}; use {listed(allowed)}")

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
        self.wrong(node, f"{key} is {value!r}; use {listed([member.value for member in choices])}")
        return None

    def items(self, node: yaml.Node | None, key: str, read: Callable[[yaml.Node, str], T]) -> list[T]:
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            self.wrong(node, f"{key} must be a list")
            return []
        return [read(item, f"{key}[{index}]") for index, item in enumerate(node.value)]


def listed(names: Sequence[str]) -> str:
    *most, last = [str(name) for name in names]
    return f"{', '.join(most)} or {last}" if most else last
