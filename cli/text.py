"""Text that is safe and fits: what hosts sent is escaped once, here, before any of it is laid out or shown."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from console.text import escape

OUR_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
VERBATIM = frozenset({"command", "output"})  # people copy the one and read the other, so their lines stay lines


def escaped(answer: Any, *, keep_lines: bool = False) -> Any:
    """The same JSON with all its texts escaped."""
    if isinstance(answer, str):
        return escape(answer, keep_lines=keep_lines)
    if isinstance(answer, list):
        return [escaped(item) for item in answer]
    if isinstance(answer, dict):
        return {escape(name): escaped(item, keep_lines=name in VERBATIM) for name, item in answer.items()}
    return answer


def columns(text: str) -> int:
    """How many columns the text takes; our own colours take none, wide characters two."""
    return sum(map(_sign_columns, OUR_COLOURS.sub("", text)))


def padded(text: str, width: int) -> str:
    return text + " " * (width - columns(text))


def shortened(text: str, width: int) -> str:
    """At most `width` columns, with `...` where something was left out."""
    if columns(text) <= width:
        return text
    kept = text
    while columns(kept) > width - 3:
        kept = kept[:-1]
    return f"{kept}..."


def wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """Lines of at most `width` columns, from the second on indented; a word that is too long is cut into parts."""
    lines, line = [], ""
    for word in _parts(text, max(1, width - len(indent))):
        if line.strip() and columns(line) + 1 + columns(word) > width:
            lines.append(line)
            line = indent + word
        else:
            line = f"{line} {word}" if line.strip() else line + word
    return [*lines, line]


def _parts(text: str, width: int) -> Iterator[str]:
    for word in text.split():
        part = ""
        for sign in word if columns(word) > width else (word,):
            if part and columns(part + sign) > width:
                yield part
                part = ""
            part += sign
        yield part


def _sign_columns(sign: str) -> int:
    if unicodedata.combining(sign):
        return 0
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1
