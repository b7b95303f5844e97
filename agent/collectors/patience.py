"""Asking what may never answer, like a file system on a server that is gone.

    ask() -> questions -> workers (one, and one more for each that hangs) -> answers -> ask()

A question that hangs keeps its worker until its call returns, and is not asked again before that. The others go on:
whenever no answer comes for a while another worker starts. Workers are daemons, so none of them holds up the exit.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")

ENOUGH_SECONDS = 2.0
STALL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Why a question has no answer."""

    reason: str


@dataclass(frozen=True, slots=True)
class _Answer(Generic[T]):
    key: str
    content: T | Unanswered


class Patience(Generic[T]):
    """Asks questions by key, with one deadline for all of them. Used by one thread at a time."""

    def __init__(self, enough_seconds: float = ENOUGH_SECONDS, stall_seconds: float = STALL_SECONDS) -> None:
        self._enough_seconds = enough_seconds
        self._stall_seconds = stall_seconds
        self._questions: SimpleQueue[tuple[str, Callable[[], T]] | None] = SimpleQueue()
        self._answers: SimpleQueue[_Answer[T]] = SimpleQueue()
        self._unanswered: set[str] = set()
        self._workers = 0

    def ask(self, questions: Mapping[str, Callable[[], T]]) -> dict[str, T | Unanswered]:
        """All answers that came in time; what failed or is late becomes Unanswered."""
        self._forget_late_answers()
        awaited = [key for key in questions if key not in self._unanswered]
        self._unanswered.update(awaited)
        for key in awaited:
            self._questions.put((key, questions[key]))
        if awaited and self._workers == 0:
            self._start_worker()
        answers = self._wait_for(set(awaited))
        late = Unanswered(f"did not answer within {self._enough_seconds:g} s; asked again when that call returns")
        return {key: answers.get(key, late) for key in questions}

    def close(self) -> None:
        """Let the workers go; one that hangs goes when its call returns."""
        for _ in range(self._workers):
            self._questions.put(None)
        self._workers = 0

    def _wait_for(self, awaited: set[str]) -> dict[str, T | Unanswered]:
        answers: dict[str, T | Unanswered] = {}
        deadline = monotonic() + self._enough_seconds
        while awaited:
            patience_seconds = min(self._stall_seconds, deadline - monotonic())
            if patience_seconds <= 0:
                break
            try:
                answer = self._answers.get(timeout=patience_seconds)
            except Empty:
                if not self._questions.empty():
                    self._start_worker()
                continue
            self._unanswered.discard(answer.key)
            awaited.discard(answer.key)
            answers[answer.key] = answer.content
        return answers

    def _forget_late_answers(self) -> None:
        while not self._answers.empty():
            self._unanswered.discard(self._answers.get().key)
        while self._workers > 1 + len(self._unanswered):
            self._questions.put(None)
            self._workers -= 1

    def _start_worker(self) -> None:
        self._workers += 1
        threading.Thread(target=self._work, name="patience", daemon=True).start()

    def _work(self) -> None:
        while (question := self._questions.get()) is not None:
            key, ask = question
            try:
                content: T | Unanswered = ask()
            except Exception as error:  # noqa: BLE001 - whatever it is, the worker lives on and the reason is told
                content = Unanswered(str(error))
            self._answers.put(_Answer(key, content))
