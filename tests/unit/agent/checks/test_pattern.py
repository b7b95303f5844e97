"""Patterns of users: what cannot be used is told at the start."""

import pytest

from agent.checks.pattern import why_bad_pattern

GOOD = ["ERROR|panic", r"^\d+ (foo|bar)+$", "(ab?)+", "a{2,5}b*", "(?:x{1,3})*", "[a-z]+ .*"]


@pytest.mark.parametrize("pattern", GOOD)
def test_good_patterns(pattern: str) -> None:
    assert why_bad_pattern(pattern) == ""


@pytest.mark.parametrize("pattern", ["(a+)+b", "(?:(x*)y?)*", "((a|b*)c)+", "(?=(a+)+)", "(a+?){20,}"])
def test_a_repetition_within_a_repetition_is_refused(pattern: str) -> None:
    assert "repetition within a repetition" in why_bad_pattern(pattern)


@pytest.mark.parametrize("pattern", ["(", "[z-a]", "*", "(?P<a>x)(?P<a>y)", "a{99999999999}"])
def test_what_is_no_regular_expression_is_told(pattern: str) -> None:
    assert "no regular expression" in why_bad_pattern(pattern)
