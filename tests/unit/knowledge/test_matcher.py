"""How the matcher ranks, explains, fills in and bounds; with small problems of its own."""

import sys
from collections.abc import Mapping, Sequence
from types import FrameType

import pytest

from knowledge.catalogue import load_catalogue
from knowledge.matcher import MAX_HITS, MAX_LINES, Matcher
from knowledge.model import Confidence, KnownProblem, Pattern, Severity, Step, Symptom
from knowledge.pasted_text import MAX_TEXT_CHARS


def _problem(
    slug: str,
    *expressions: str,
    likely: Sequence[str] = (),
    unless: Sequence[str] = (),
    symptoms: Sequence[Symptom] = (),
    severity: Severity = Severity.WARNING,
    command: str = "true",
) -> KnownProblem:
    patterns = [Pattern(expression) for expression in expressions]
    patterns += [Pattern(expression, Confidence.LIKELY) for expression in likely]
    return KnownProblem(
        slug=slug,
        title=slug,
        meaning="-",
        severity=severity,
        patterns=patterns,
        unless=unless,
        symptoms=symptoms,
        steps=[Step("do it", command)],
        verify=command,
    )


def _found(problems: Sequence[KnownProblem], text: str) -> list[str]:
    return [match.slug for match in Matcher(problems).match_text(text)]


def test_exact_comes_before_likely_even_when_it_explains_less() -> None:
    assert _found([_problem("a", likely=["the pump is broken"]), _problem("b", "pump")], "the pump is broken") == [
        "b",
        "a",
    ]


def test_what_explains_more_of_the_text_comes_first() -> None:
    assert _found([_problem("a", "broken"), _problem("b", "pump is broken")], "the pump is broken") == ["b", "a"]


def test_captured_values_do_not_count_as_explained() -> None:
    problems = [_problem("a", "pump (?P<name>.*)"), _problem("b", "pump is broken")]
    assert _found(problems, "pump is broken since yesterday morning") == ["b", "a"]


def test_equal_matches_are_ranked_by_severity_then_by_slug() -> None:
    problems = [_problem("b", "pump"), _problem("c", "pump", severity=Severity.CRITICAL), _problem("a", "pump")]
    assert _found(problems, "pump") == ["c", "a", "b"]


def test_a_problem_is_listed_once_by_its_best_pattern() -> None:
    [match] = Matcher([_problem("a", "pump", "pump (?P<name>\\w+) is broken", likely=["broken"])]).match_text(
        "pump P7 is broken"
    )
    assert match.confidence is Confidence.EXACT
    assert match.captured == {"name": "P7"}


def test_reason_names_words_and_line() -> None:
    [match] = Matcher([_problem("a", "pump \\w+ broke")]).match_text("all fine\nthe pump P7 broke\npump P8 broke")
    assert match.reason == 'line 2 says "pump P7 broke", as do others'
    assert match.lines == (2, 3)


@pytest.mark.parametrize(
    "text",
    [
        "PUMP IS broken",
        "pump is\n   broken",
        "pump is\r\nbroken",
        "pu\nmp is broken",
        "\x1b[31mpump\x1b[0m is broken",
        "^[[36mpump^[[0m is broken",
        "pump\\n is\\tbroken",
        '{"msg": "pump is\\\\nbroken"}',
        "> pump is\n> broken",
        "web_1  | pump is broken",
        "Nov  1 10:00:00 host-1 app[12]: pump is broken",
        "pump\u00a0is broken",
        "p\\u0075mp is broken",
    ],
)
def test_odd_wrapping_colours_and_escapes_do_not_matter(text: str) -> None:
    assert _found([_problem("a", "pump is broken")], text) == ["a"]


def test_lines_are_those_of_the_original() -> None:
    matcher = Matcher([_problem("a", "pump is broken")])
    assert matcher.match_text("fine\r\nfine\r\npump is\r\nbroken")[0].lines == (3, 4)
    assert matcher.match_text("fine\nfi\npump is bro\nken")[0].lines == (3, 4)


def test_gluing_lines_brings_back_no_hit_that_was_taken_back() -> None:
    matcher = Matcher([_problem("a", "pump is broken")])
    assert matcher.match_text("pump is broken: 0\nof 12") == []
    assert [match.lines for match in matcher.match_text("all is well\npump is bro\nken\nall is well")] == [(2, 3)]


def test_values_are_quoted_in_commands_and_plain_for_people() -> None:
    [match] = Matcher([_problem("a", "pump (?P<name>.+) broke", command="restart -- {name}")]).match_text(
        "pump $(reboot) ;x broke"
    )
    assert match.captured == {"name": "$(reboot) ;x"}
    assert match.steps[0].command == "restart -- '$(reboot) ;x'"
    assert match.verify == "restart -- '$(reboot) ;x'"


def test_only_the_end_of_a_long_text_is_read_and_the_reason_says_so() -> None:
    matcher = Matcher([_problem("a", "pump broke")])
    filler = "fine\n" * (MAX_TEXT_CHARS // 5)
    assert matcher.match_text("pump broke\n" + filler) == []
    [match] = matcher.match_text(filler + "pump broke")
    assert match.lines == (MAX_TEXT_CHARS // 5 + 1,)
    assert match.reason.endswith("(only the last 1,000,000 characters were read)")


def test_many_hits_are_bounded() -> None:
    [match] = Matcher([_problem("a", "pump broke")]).match_text("pump broke\n" * (MAX_HITS * 3))
    assert len(match.lines) == MAX_LINES


def test_an_error_is_found_behind_a_million_near_misses() -> None:
    near_misses = "no space left in queue connect to 10.0.0.1:80 refused by policy out of memo killed process port 80 "
    text = near_misses * (MAX_TEXT_CHARS // len(near_misses) - 1) + "\nENOSPC while writing"
    assert "disk-full" in [match.slug for match in Matcher(load_catalogue().problems).match_text(text)]


def test_no_problems_match_nothing() -> None:
    assert Matcher([]).match_text("pump broke") == []
    assert Matcher([]).match_symptom("disk-usage", "critical", {}) == []


@pytest.mark.parametrize(
    ("rule", "severity", "labels", "fits"),
    [
        ("disk-usage", "critical", {"mount": "/var"}, True),
        ("disk-usage", "warning", {"mount": "/var"}, True),
        ("disk-usage", "info", {"mount": "/var"}, False),
        ("disk-usage", "critical", {"mount": "/boot"}, False),
        ("disk-usage", "critical", {}, False),
        ("cpu-usage", "critical", {"mount": "/var"}, False),
    ],
)
def test_a_symptom_fits_by_rule_severity_and_labels(
    rule: str, severity: str, labels: Mapping[str, str], fits: bool
) -> None:
    problem = _problem("a", symptoms=[Symptom("disk-usage", Severity.WARNING, {"mount": "/v.*"})])
    assert bool(Matcher([problem]).match_symptom(rule, severity, labels)) is fits


def test_a_symptom_match_carries_its_labels_and_says_why() -> None:
    problem = _problem("a", symptoms=[Symptom("disk-usage", labels={"mount": ".+"})], command="df -h {mount}")
    [match] = Matcher([problem]).match_symptom("disk-usage", "critical", {"mount": "/my data"})
    assert match.confidence is Confidence.LIKELY
    assert match.reason == 'the rule disk-usage is critical for mount="/my data"'
    assert match.captured == {"mount": "/my data"}
    assert match.lines == ()
    assert match.steps[0].command == "df -h '/my data'"


@pytest.mark.parametrize(
    ("rule", "labels", "slug"),
    [
        ("disk-usage", {"mount": "/var"}, "disk-full"),
        ("disk-inodes", {"mount": "/var"}, "inode-exhaustion"),
        ("cpu-usage", {}, "cpu-saturated"),
        ("memory-usage", {}, "memory-low"),
        ("swap-usage", {}, "memory-low"),
    ],
)
def test_every_rule_about_a_host_has_a_remedy(rule: str, labels: Mapping[str, str], slug: str) -> None:
    matches = Matcher(load_catalogue().problems).match_symptom(rule, "warning", labels)
    assert [match.slug for match in matches] == [slug]


def _calls(matcher: Matcher, text: str) -> int:
    """How many Python calls a match takes, as a measure of work that no other load disturbs."""
    count = 0

    def profile(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(profile)
    try:
        matcher.match_text(text)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("unit", ["no space left on ", "a" * 17, "(" * 17, "connection refused: 0\n", '\\\\\\\\\\n\\"'])
def test_work_grows_no_faster_than_the_text(unit: str) -> None:
    matcher = Matcher(load_catalogue().problems)
    matcher.match_text(unit)
    small, large = _calls(matcher, unit * 2_000), _calls(matcher, unit * 8_000)
    assert large <= 4 * small + 1_000
