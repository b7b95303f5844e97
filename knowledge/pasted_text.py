"""Makes a pasted text readable for the matcher: colours, escapes and prefixes away, the place of each line kept."""

import html
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

MAX_TEXT_CHARS = 1_000_000

_BACKSLASHES = r"(?<!\\)\\+"  # a whole run: tried from each backslash of a long one, the time would be its square
_ESCAPE_CHARACTER = rf"(?:\x1b|\^\[|{_BACKSLASHES}(?:x1b|u001b|033|e)|#033)"
_COLOURS = re.compile(
    _ESCAPE_CHARACTER + r"(?:\[[0-9;?]{0,40}[A-Za-z]|\][^\x07\x1b\n]{0,200}(?:\x07|\x1b\\))", re.IGNORECASE
)
_ESCAPED_CODE_POINT = re.compile(_BACKSLASHES + r"u([0-9a-fA-F]{4})")
_ESCAPED_BREAK = re.compile(_BACKSLASHES + r"[nrt]")
_ESCAPED_SIGN = re.compile(_BACKSLASHES + r"([\"'/])")
_WINDOWS_PATH = re.compile(r"\b[A-Za-z]:\\")
_ENTITY = re.compile(r"&(?:quot|apos|amp|lt|gt|nbsp|#39|#34|#x27);")
_QUOTED_OR_COMPOSED = re.compile(r"^[ \t]*(?:(?:>+|\|)[ \t]+)+|^[\w.-]{1,60}[ \t]*\|[ \t]", re.MULTILINE)
_SIGNS = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b`\u00b4\u2032", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033\u300c\u300d", '"'),
        **dict.fromkeys("\u00a0\u2007\u202f\u3000\u2028\u2029\v\f\r\x00", " "),
        **dict.fromkeys("\uff1a\ufe55", ":"),
        **dict.fromkeys("\u200b\ufeff"),
        "\uff08": "(",
        "\uff09": ")",
        "\uff0c": ",",
    }
)


@dataclass(frozen=True, slots=True)
class PastedText:
    """A readable text in pieces: each starts at a position of `text` and is a line of the original.

    `cut` when the head of the original was left out; `glued` when each line was glued to the next one.
    """

    text: str
    starts: Sequence[int]
    lines: Sequence[int]
    cut: bool = False
    glued: bool = False

    def lines_between(self, start: int, end: int) -> range:
        """The 1-based lines of the original from one position of `text` up to, not including, another."""
        return range(self._line_at(start), self._line_at(end - 1) + 1)

    def _line_at(self, position: int) -> int:
        return self.lines[bisect_right(self.starts, position) - 1]

    def with_lines_glued(self) -> "PastedText":
        """Each line with the next one right behind it, for a text that was hard-wrapped within words."""
        lines = self.text.split("\n")
        texts = [piece for pair in pairwise(lines) for piece in (pair[0], pair[1] + "\n")]
        starts = list(accumulate((len(text) for text in texts[:-1]), initial=0))
        numbers = [number for pair in pairwise(self.lines) for number in pair]
        return PastedText("".join(texts), starts, numbers, self.cut, glued=True)


def read_pasted(original: str) -> PastedText:
    """Clean at most the last `MAX_TEXT_CHARS` characters of any text; never raises."""
    cut_chars = max(0, len(original) - MAX_TEXT_CHARS)
    kept = original[cut_chars:].encode("utf-8", "replace").decode("utf-8")
    text = _clean(kept.replace("\r\n", "\n"))
    starts = [0, *(found.end() for found in re.finditer("\n", text))]
    first_line = 1 + original.count("\n", 0, cut_chars)
    return PastedText(text, starts, range(first_line, first_line + len(starts)), cut_chars > 0)


def _clean(text: str) -> str:
    text = _COLOURS.sub("", text)
    text = _ESCAPED_CODE_POINT.sub(_code_point, text)
    text = "\n".join(line if _WINDOWS_PATH.search(line) else _unescape(line) for line in text.split("\n"))
    text = _ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
    text = unicodedata.normalize("NFC", text).translate(_SIGNS)
    return _QUOTED_OR_COMPOSED.sub("", text)


def _unescape(line: str) -> str:
    return _ESCAPED_SIGN.sub(r"\1", _ESCAPED_BREAK.sub(" ", line))


def _code_point(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    return character if character.isprintable() else " "
