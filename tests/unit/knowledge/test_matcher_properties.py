"""Whatever is pasted, the matcher answers, and within its bounds."""

from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.catalogue import load_catalogue
from knowledge.matcher import MAX_CAPTURED_CHARS, MAX_LINES, Matcher
from knowledge.model import Confidence
from knowledge.pasted_text import read_pasted

CATALOGUE = load_catalogue()
MATCHER = Matcher(CATALOGUE.problems)
EXAMPLES = [example.text for problem in CATALOGUE.problems for example in problem.must_match]
PIECES = st.one_of(
    st.text(st.characters(codec=None), max_size=40),
    st.sampled_from([*EXAMPLES, "\n", "\r\n", "\x1b[31m", "\\n", "\\u00e4", "\ud800", "\x00", "<hit>", "{mount}"]),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(PIECES, max_size=12).map("".join))
def test_any_text_is_answered_within_bounds(text: str) -> None:
    lines = text.count("\n") + 1
    matches = MATCHER.match_text(text)
    assert len({match.slug for match in matches}) == len(matches)
    assert [match.confidence for match in matches] == sorted(
        (m.confidence for m in matches), key=list(Confidence).index
    )
    for match in matches:
        assert 1 <= len(match.lines) <= MAX_LINES
        assert all(1 <= line <= lines for line in match.lines)
        assert all(value.isprintable() and len(value) <= MAX_CAPTURED_CHARS for value in match.captured.values())


@settings(max_examples=200, deadline=None)
@given(st.lists(PIECES, max_size=12).map("".join))
def test_cleaning_keeps_the_number_of_lines(text: str) -> None:
    pasted = read_pasted(text)
    assert pasted.text.count("\n") == text.count("\n")
    assert len(pasted.lines) == len(pasted.starts) == text.count("\n") + 1


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(EXAMPLES), st.lists(st.sampled_from(["all is well", "12 requests served", "ready"]), max_size=5))
def test_ordinary_lines_around_an_error_change_nothing(example: str, around: list[str]) -> None:
    alone = MATCHER.match_text(example)
    surrounded = MATCHER.match_text("\n".join([*around, example, *around]))
    assert [match.slug for match in surrounded] == [match.slug for match in alone]
    assert surrounded[0].lines[0] == alone[0].lines[0] + len(around)


@settings(max_examples=100, deadline=None)
@given(st.from_regex("x[a-z0-9-]*", fullmatch=True), st.text(), st.dictionaries(st.text(), st.text(), max_size=3))
def test_any_rule_is_answered(rule: str, value: str, labels: dict[str, str]) -> None:
    [last_resort] = MATCHER.match_symptom(rule, "critical", labels)
    assert last_resort.slug == "rule-fired"
    assert all(match.confidence is not Confidence.EXACT for match in MATCHER.match_symptom(value, value, labels))
    assert len(MATCHER.match_symptom("cpu-usage", "warning", {"core": value})) == 1
