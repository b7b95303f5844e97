"""How the matcher ranks, explains, fills in and bounds; with small problems of its own."""

import sys
from collections.abc import Mapping, Sequence
from types import FrameType

import pytest

from knowledge.catalogue import load_catalogue
from knowledge.matcher import MAX_HITS, MAX_LINES, MAX_REASON_LABEL_CHARS, Matcher
from knowledge.model import ANY_RULE, Confidence, KnownProblem, Pattern, Severity, Step, Symptom
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
    assert matches[0].slug == slug


def _symptoms(*problems: KnownProblem, severity: str = "critical", **labels: str) -> list[str]:
    return [match.slug for match in Matcher(problems).match_symptom("pump", severity, labels)]


@pytest.mark.parametrize("severity", ["unknown", "stale", "never heard of"])
def test_a_severity_that_no_problem_has_counts_as_a_warning(severity: str) -> None:
    warning, critical = (
        _problem(each, symptoms=[Symptom("pump", each)]) for each in (Severity.WARNING, Severity.CRITICAL)
    )
    assert _symptoms(warning, critical, severity=severity) == ["warning"]


def test_likely_comes_before_weak_then_who_asks_for_more_labels_then_the_more_severe() -> None:
    weak = Symptom("pump", labels={"kind": ".+", "said": ".+"}, confidence=Confidence.WEAK)
    problems = [
        _problem("a-weak", symptoms=[weak], severity=Severity.CRITICAL),
        _problem("b-plain", symptoms=[Symptom("pump")]),
        _problem("c-severe", symptoms=[Symptom("pump")], severity=Severity.CRITICAL),
        _problem("d-asks", symptoms=[Symptom("pump"), Symptom("pump", labels={"kind": "hand"})]),
    ]
    assert _symptoms(*problems, kind="hand", said="ah") == ["d-asks", "c-severe", "b-plain", "a-weak"]
    assert Matcher(problems).match_symptom("pump", "warning", {"kind": "k", "said": "s"})[-1].confidence == "weak"


def test_a_symptom_captures_what_it_names_within_a_label() -> None:
    symptom = Symptom("pump", labels={"said": r"(?P<port>\d+)(?P<rest> .*)? broke"})
    [match] = Matcher([_problem("a", symptoms=[symptom], command="look -- {port} {said} {rest=-}")]).match_symptom(
        "pump", "critical", {"said": "17 broke"}
    )
    assert match.captured == {"said": "17 broke", "port": "17"}
    assert match.steps[0].command == "look -- 17 '17 broke' -"


def test_the_problem_of_any_rule_is_the_last_resort() -> None:
    last = _problem("last", symptoms=[Symptom(ANY_RULE, labels={"rule": ".+"})], command="look -- {rule}")
    named = _problem("named", symptoms=[Symptom("pump", Severity.CRITICAL)])
    assert _symptoms(last, named) == ["named"]
    [match] = Matcher([last, named]).match_symptom("pump", "warning", {"a": "b"})
    assert (match.slug, match.reason) == ("last", 'the rule pump is warning for a="b"')
    assert match.steps[0].command == "look -- pump"


def test_a_reason_leaves_out_labels_that_are_empty_or_long() -> None:
    [match] = Matcher([_problem("a", symptoms=[Symptom("pump")])]).match_symptom(
        "pump", "critical", {"a": "", "b": "x" * (MAX_REASON_LABEL_CHARS + 1), "c": "y"}
    )
    assert match.reason == 'the rule pump is critical for c="y"'


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
