import threading
from collections.abc import Callable
from time import monotonic

import pytest

from agent.collectors.patience import MOST_WORKERS, Patience, Unanswered

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


def test_one_that_answers_is_asked_among_many_that_hang(patience: Patience[int]) -> None:
    slow = {f"slow-{number}": Hanging() for number in range(25)}
    for _ in range(2):
        answers = patience.ask({**slow, "healthy": lambda: 7})
        assert answers["healthy"] == 7
        assert all(isinstance(answers[key], Unanswered) for key in slow)
    assert {each.calls for each in slow.values()} == {1}
    for each in slow.values():
        each.release.set()


def test_threads_are_bounded_and_what_none_of_them_took_is_asked_the_next_time() -> None:
    patience: Patience[int] = Patience(ENOUGH_SECONDS, STALL_SECONDS)
    slow = {f"slow-{number}": Hanging() for number in range(MOST_WORKERS)}
    before = threading.active_count()
    answers = patience.ask({**slow, "healthy": lambda: 7})
    assert threading.active_count() - before <= MOST_WORKERS
    told = "was not asked: all 64 threads for it wait for others that hang; asked again next time"
    assert answers["healthy"] == Unanswered(told)
    next(iter(slow.values())).release.set()
    assert answer_of(patience, lambda: 7) == 7
    for each in slow.values():
        each.release.set()


def test_no_room_for_a_thread_is_told_and_over_when_there_is_room(
    patience: Patience[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        told = Unanswered("was not asked: can't start new thread; asked again next time")
        assert patience.ask({"a": lambda: 1, "b": lambda: 2}) == {"a": told, "b": told}
    assert patience.ask({"a": lambda: 1, "b": lambda: 2}) == {"a": 1, "b": 2}


def test_after_its_end_it_begins_anew_though_a_call_still_hangs(patience: Patience[int]) -> None:
    slow = Hanging()
    patience.ask({"slow": slow})
    patience.close()
    assert patience.ask({"a": lambda: 1}) == {"a": 1}
    slow.release.set()
