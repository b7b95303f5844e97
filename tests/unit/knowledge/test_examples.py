"""Every file of the catalogue is readable and keeps the promises of its own examples."""

from pathlib import Path

import pytest

from knowledge.catalogue import PROBLEMS, load_catalogue
from knowledge.matcher import Matcher
from knowledge.model import Example, KnownProblem

CATALOGUE = load_catalogue()
MATCHER = Matcher(CATALOGUE.problems)
FIRST_TEN = {
    "disk-full",
    "inode-exhaustion",
    "oom-killed",
    "memory-allocation-failed",
    "connection-refused",
    "dns-resolution-failure",
    "port-in-use",
    "too-many-open-files",
    "rabbitmq-connection-closed",
    "permission-denied",
}


def _id(value: object) -> str:
    return value.slug if isinstance(value, KnownProblem) else ""


def test_every_file_is_read_without_errors() -> None:
    assert [str(error) for error in CATALOGUE.errors] == []
    assert {problem.slug for problem in CATALOGUE.problems} == {path.stem for path in Path(PROBLEMS).glob("*.yaml")}
    assert {problem.slug for problem in CATALOGUE.problems} >= FIRST_TEN


@pytest.mark.parametrize(
    ("problem", "example"),
    [(problem, example) for problem in CATALOGUE.problems for example in problem.must_match],
    ids=_id,
)
def test_a_must_match_example_finds_its_problem_first(problem: KnownProblem, example: Example) -> None:
    matches = MATCHER.match_text(example.text)
    assert [match.slug for match in matches][:1] == [problem.slug], [match.reason for match in matches]
    assert example.captured.items() <= matches[0].captured.items()


@pytest.mark.parametrize(
    ("problem", "text"),
    [(problem, text) for problem in CATALOGUE.problems for text in problem.must_not_match],
    ids=_id,
)
def test_a_must_not_match_example_does_not_find_its_problem(problem: KnownProblem, text: str) -> None:
    assert [match.reason for match in MATCHER.match_text(text) if match.slug == problem.slug] == []


@pytest.mark.parametrize("problem", CATALOGUE.problems, ids=_id)
def test_every_problem_says_what_to_do_and_how_to_verify(problem: KnownProblem) -> None:
    assert any(step.command for step in problem.steps)
    assert problem.verify
    assert problem.references
