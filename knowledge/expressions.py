"""Expressions of the catalogue: RE2 syntax, so that no text can make them slow.

Letters match in either case, `^` and `$` stand at line ends, and a space outside [...] matches any run of white space,
line breaks included: a message that was wrapped still matches.
"""

import re
from functools import lru_cache
from typing import Any

import re2

_TOKEN = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]| ", re.DOTALL)
_UNSUPPORTED = re.compile(r"\(\?(?:=|!|<=|<!)|\\[1-9]|\(\?P=")


def expression_problem(expression: str) -> str | None:
    """Why an expression cannot be used, or None. Never raises."""
    if unsupported := _UNSUPPORTED.search(re.sub(r"\\\\", "", expression)):
        return (
            f"expression {expression!r} uses {unsupported[0]!r}; look-arounds and back-references are not supported, "
            "put what must not stand on the line under `unless`"
        )
    try:
        compiled = compile_expression(expression)
    except re2.error as error:
        return f"expression {expression!r} cannot be read: {_words(error)}"
    if compiled.search("") is not None:
        return f"expression {expression!r} matches the empty text; it would match everything"
    return None


@lru_cache(maxsize=4096)
def compile_expression(expression: str) -> Any:
    """Compile an expression as a re2 regular expression; raises re2.error."""
    return re2.compile(_translate(expression), _options())


def compile_filter(expressions: list[str]) -> Any:
    """Compile expressions together: `Match` tells which of them occur, or None.

    A re2 Filter first looks for the words that an expression cannot do without; a re2 Set answers the same question a
    hundred times slower on a text full of near misses.
    """
    together = re2.Filter()
    for expression in expressions:
        together.Add(_translate(expression), _options())
    if expressions:
        together.Compile()
    return together


def named_groups(expression: str) -> frozenset[str]:
    """The names of an expression's captured values."""
    return frozenset(compile_expression(expression).groupindex)


def _translate(expression: str) -> str:
    return "(?m)" + _TOKEN.sub(lambda token: r"(?:\s+)" if token[0] == " " else token[0], expression)


def _options() -> Any:
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    return options


def _words(error: Exception) -> str:
    detail = error.args[0] if error.args else error
    return detail.decode(errors="replace") if isinstance(detail, bytes) else str(detail)
