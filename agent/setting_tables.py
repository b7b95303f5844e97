"""Lists of tables in the agent's file, like `[[checks]]`: each key judged by itself, so that all problems are told."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

import msgspec

MOST_TABLES = 200

Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._:/@-]{0,63}$")]
Argument = Annotated[str, msgspec.Meta(max_length=4096, pattern=r"^[^\x00]*$")]
Arguments = Annotated[tuple[Argument, ...], msgspec.Meta(min_length=1, max_length=256)]


class TableSetting(msgspec.Struct, frozen=True, kw_only=True):
    """One table of a list; its name is known once in that list."""

    name: Name

    def problems(self) -> list[tuple[str, str]]:
        """What is wrong between its keys: each time the key to change, and a sentence."""
        return []


Setting = TypeVar("Setting", bound=TableSetting)


class Tables:
    """Reads the tables of one list. `place` is the file and the list's name; `found` are sentences."""

    def __init__(self, place: str, found: list[str]) -> None:
        self._place = place
        self._found = found
        self._names: set[str] = set()

    def tables(self, value: object) -> list[dict[str, Any]]:
        """The list's tables; a problem when it is none."""
        if not isinstance(value, list) or not all(isinstance(table, dict) for table in value):
            self._found.append(f"{self._place}: write a table [[{self._place.rpartition(' ')[2]}]] for each of them.")
            return []
        if len(value) > MOST_TABLES:
            self._found.append(f"{self._place}: {len(value)} tables, allowed are {MOST_TABLES}.")
            return []
        return value

    def tell(self, index: int, table: Mapping[str, Any], key: str, sentence: str) -> None:
        """One problem, named like `agent.toml: checks[2] (web).port: ...`."""
        name = table.get("name")
        shown = f" ({name[:64]})" if isinstance(name, str) and name.isprintable() else ""
        self._found.append(f"{self._place}[{index}]{shown}.{key}: {sentence}")

    def read(self, index: int, table: Mapping[str, Any], kind: type[Setting], known: set[str]) -> Setting | None:
        """The setting, or None with every problem of this table told. `known` keys are the reader's own."""
        before = len(self._found)
        values = self._values(index, table, kind, known)
        name = values.get("name")
        if name in self._names:
            self.tell(index, table, "name", "another one has this name.")
        self._names.add(str(name))
        if len(self._found) > before:
            return None
        setting = kind(**values)
        for key, sentence in setting.problems():
            self.tell(index, table, key, sentence)
        return setting if len(self._found) == before else None

    def _values(
        self, index: int, table: Mapping[str, Any], kind: type[TableSetting], known: set[str]
    ) -> dict[str, Any]:
        fields = {field.name: field for field in msgspec.structs.fields(kind)}
        values: dict[str, Any] = {}
        for key, value in table.items():
            if key in fields:
                try:
                    values[key] = msgspec.convert(value, fields[key].type)
                except msgspec.ValidationError as error:
                    self.tell(index, table, key, f"{error}.")
            elif key not in known:
                self.tell(index, table, key, f"there is no such key. Known are {', '.join([*fields, *sorted(known)])}.")
        for name, field in fields.items():
            if field.required and name not in table:
                self.tell(index, table, name, "must be set.")
        return values
