"""What cleaning costs: a run of backslashes is read once, however long it is."""

import re

import pytest

from knowledge import pasted_text
from knowledge.pasted_text import read_pasted

ENDINGS = {
    "_COLOURS": "x1b[31m",
    "_ESCAPED_CODE_POINT": "u0041",
    "_ESCAPED_BREAK": "n",
    "_ESCAPED_SIGN": '"',
}


@pytest.mark.parametrize(("name", "ending"), ENDINGS.items())
def test_a_run_of_backslashes_is_tried_from_its_first_one_only(name: str, ending: str) -> None:
    expression: re.Pattern[str] = getattr(pasted_text, name)
    text = "\\" * 50 + ending
    assert [place for place in range(len(text)) if expression.match(text, place)] == [0]


def test_every_expression_that_reads_backslashes_is_tested() -> None:
    expressions = {name: one.pattern for name, one in vars(pasted_text).items() if isinstance(one, re.Pattern)}
    assert {name for name, pattern in expressions.items() if r"\\+" in pattern} == set(ENDINGS)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        (r"a\\\\n b", "a  b"),
        (r"\" \/ \\\'", "\" / '"),
        (r"\u0041 \\\\u0042", "A B"),
        (r"\x1b[31mred \\\033[0mplain", "red plain"),
        (r"C:\new", r"C:\new"),
    ],
)
def test_escapes_of_any_depth_are_undone(text: str, cleaned: str) -> None:
    assert read_pasted(text).text == cleaned
