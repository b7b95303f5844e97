import threading
from collections.abc import Callable
from time import monotonic

import pytest

from agent.collectors.patience import Patience, Unanswered

ENOUGH_SECONDS = 0.5
STALL_SECONDS = 0.02
DEADLINE_SECONDS = 30.0


class Hanging:
    """A call that returns when it is told to."""

    def __init__(self) -> None:
        self.calls = 0
        self.release = threading.Event()

    def __call__(self) -> int:
        self.calls += 1
        assert self.release.wait(DEADLINE_SECONDS)
        return 42


@pytest.fixture
def patience() -> Patience[int]:
    return Patience(ENOUGH_SECONDS, STALL_SECONDS)


def answer_of(patience: Patience[int], question: Callable[[], int]) -> int:
    """Ask until there is an answer."""
    deadline = monotonic() + DEADLINE_SECONDS
    while monotonic() < deadline:
        answer = patience.ask({"slow": question})["slow"]
        if not isinstance(answer, Unanswered):
            return answer
    raise AssertionError("no answer in time")


def test_all_questions_get_their_answers(patience: Patience[int]) -> None:
    assert patience.ask({"a": lambda: 1, "b": lambda: 2}) == {"a": 1, "b": 2}
    assert patience.ask({"a": lambda: 3}) == {"a": 3}


def test_one_worker_serves_questions_that_answer(patience: Patience[int]) -> None:
    asked_by = set()
    for _ in range(3):
        patience.ask({str(number): lambda: asked_by.add(threading.get_ident()) or 1 for number in range(5)})  # type: ignore[func-returns-value]
    assert len(asked_by) == 1


def test_what_hangs_is_named_and_the_others_still_answer(patience: Patience[int]) -> None:
    slow, slower = Hanging(), Hanging()
    answers = patience.ask({"slow": slow, "a": lambda: 1, "slower": slower, "b": lambda: 2})
    slow.release.set()
    slower.release.set()
    assert (answers["a"], answers["b"]) == (1, 2)
    for name in ("slow", "slower"):
        assert answers[name] == Unanswered("did not answer within 0.5 s; asked again when that call returns")


def test_a_hanging_question_is_not_asked_again_before_its_call_returned(patience: Patience[int]) -> None:
    slow = Hanging()
    for _ in range(3):
        answers = patience.ask({"slow": slow, "a": lambda: 1})
        assert isinstance(answers["slow"], Unanswered)
        assert answers["a"] == 1
    assert slow.calls == 1
    slow.release.set()
    assert answer_of(patience, slow) == 42


def test_an_answer_from_before_is_forgotten_and_asked_for_anew(patience: Patience[int]) -> None:
    slow = Hanging()
    patience.ask({"slow": slow})
    slow.release.set()
    assert answer_of(patience, lambda: 7) == 7


def test_a_failure_is_an_answer_with_its_reason(patience: Patience[int]) -> None:
    def fail() -> int:
        raise PermissionError(13, "Permission denied")

    assert patience.ask({"a": fail, "b": lambda: 2}) == {"a": Unanswered("[Errno 13] Permission denied"), "b": 2}
