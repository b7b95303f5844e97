"""Patterns that users set for lines that others write; `line_search` finds them."""

import re
from re import _constants, _parser  # type: ignore[attr-defined]  # no other way to see how a pattern is built
from typing import Annotated, Any

import msgspec

LONGEST_MATCHED = 2048  # characters of a line that are looked at

PatternText = Annotated[str, msgspec.Meta(min_length=1, max_length=512, pattern=r"^[^\x00]*$")]

_REPEATS = (_constants.MAX_REPEAT, _constants.MIN_REPEAT)
_MANY = 16


def why_bad_pattern(pattern: str) -> str:
    """Why `pattern` cannot be used; empty when it can.

    A repetition within a repetition, like (a+)+, is refused: on some lines its search takes for ever. There are other
    such patterns, so that this is advice, and the deadline of the search what holds.
    """
    try:
        re.compile(pattern)
        parsed = _parser.parse(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        return f"is no regular expression: {error}."
    if _repeats_twice(parsed, within_repeat=False):
        return "has a repetition within a repetition, like (a+)+, whose search may take for ever; write it flat."
    return ""


def _repeats_twice(part: Any, *, within_repeat: bool) -> bool:
    """Walk over the parts as the standard library's parser gives them: operators with their arguments, nested."""
    if isinstance(part, _parser.SubPattern):
        return any(_repeats_twice(each, within_repeat=within_repeat) for each in part)
    if isinstance(part, tuple) and part and part[0] in _REPEATS:
        _, most, repeated = part[1]
        is_many = most is _constants.MAXREPEAT or most > _MANY
        return (is_many and within_repeat) or _repeats_twice(repeated, within_repeat=is_many or within_repeat)
    if isinstance(part, tuple | list):
        return any(_repeats_twice(each, within_repeat=within_repeat) for each in part)
    return False
