"""Where answers go: standard output in the width and the colours that it has, everything else to standard error."""

import json
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cli.text import columns as columns_of
from cli.text import padded, shortened, wrapped
from console.colour import Choice, wants_colour
from console.text import escape

WIDEST = 80
NARROW = 60
WIDEST_CELL = 24
MARGIN = "  "
STATE_WORDS = {"stale": "NO DATA", "muted": "muted", "ok": "ok", "closed": "closed"}
COLOURS = {
    "critical": "1;31",
    "stale": "33",
    "warning": "33",
    "unknown": "33",
    "waiting": "2",
    "muted": "2",
    "ok": "32",
}


@dataclass(frozen=True, slots=True)
class Screen:
    """`utf8` is False where the locale has no other signs than ASCII: those are written as escapes then."""

    width: int = WIDEST
    colour: bool = False
    utf8: bool = True

    @property
    def narrow(self) -> bool:
        return self.width < NARROW

    def state(self, state: str) -> str:
        """The state's word, in capitals when somebody is needed, coloured if the screen has colours."""
        word = _word(state)
        return f"\x1b[{COLOURS[state]}m{word}\x1b[0m" if self.colour and state in COLOURS else word

    def headline(self, name: str, state: str, sentence: str) -> list[str]:
        """Who, how, why. A sentence that begins with the state's word goes on from it."""
        said = sentence.removeprefix(f"{_word(state).capitalize()} ")
        return self.prose(f"{name} {self.state(state)}{' ' if said != sentence else ': '}{said}")

    def prose(self, text: str, indent: str = "") -> list[str]:
        """The text in lines that fit, all of them indented."""
        return [indent + line for line in wrapped(text, self.width - len(indent))]

    def table(self, names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
        """Columns under their names, the last one wrapped; `name: value` lines on a narrow screen."""
        if self.narrow:
            return [line for row in rows for line in ("", *self._entries(names, row))]
        lines = [[name.upper() for name in names], *rows]
        widths = [min(WIDEST_CELL, max(map(columns_of, column))) for column in zip(*lines, strict=True)][:-1]
        return ["", *(line for row in lines for line in self._row(row, widths))]

    def _entries(self, names: Sequence[str], row: Sequence[str]) -> list[str]:
        return [
            line
            for name, value in zip(names, row, strict=True)
            for line in wrapped(f"{name}: {value}", self.width, MARGIN)
        ]

    def _row(self, row: Sequence[str], widths: Sequence[int]) -> list[str]:
        cells = [padded(shortened(cell, width), width) for cell, width in zip(row, widths, strict=False)]
        head = MARGIN + "".join(cell + MARGIN for cell in cells)
        first, *others = wrapped(row[-1], max(10, self.width - columns_of(head)))
        return [(head + first).rstrip(), *(" " * columns_of(head) + line for line in others)]

    def show(self, lines: Iterable[str]) -> None:
        """Write an answer; its texts were escaped where they came in."""
        text = "".join(f"{line}\n" for line in lines)
        sys.stdout.write(text if self.utf8 else _ascii(text))
        sys.stdout.flush()

    def show_rows(self, rows: Iterable[Sequence[object]]) -> None:
        """Tab separated, without a header; None is an empty field."""
        self.show("\t".join("" if field is None else str(field) for field in row) for row in rows)

    def tell(self, told: str) -> None:
        """A word to the user that is not part of the answer."""
        told = escape(told)
        print(told if self.utf8 else _ascii(told), file=sys.stderr)


def open_screen(choice: Choice, environment: Mapping[str, str]) -> Screen:
    width = min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns)
    return Screen(max(20, width), wants_colour(sys.stdout, choice, environment), _speaks_utf8(environment))


def show_json(schema: str, answer: Mapping[str, Any]) -> None:
    """One line, ASCII only: whatever hosts sent is an escape in it."""
    print(json.dumps({"schema": schema, **answer}).replace("\x7f", "\\u007f"), flush=True)


def _word(state: str) -> str:
    return STATE_WORDS.get(state, state.upper())


def _speaks_utf8(environment: Mapping[str, str]) -> bool:
    locale = environment.get("LC_ALL") or environment.get("LC_CTYPE") or environment.get("LANG") or ""
    encoding = getattr(sys.stdout, "encoding", None) or ""
    return all("utf8" in name.lower().replace("-", "") for name in (locale, encoding))


def _ascii(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode("ascii")
