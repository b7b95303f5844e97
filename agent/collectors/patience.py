"""Asking what may never answer, like a file system on a server that is gone.

    ask() -> questions -> workers (one, and one more for each that hangs) -> answers -> ask()

A question that hangs keeps its worker until its call returns, and is not asked again before that. The others go on:
whenever no answer comes for a while there are twice as many workers, MOST_WORKERS at last. What no worker took in time
is taken back and asked the next time. Workers are daemons, so none of them holds up the exit.
"""

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")

ENOUGH_SECONDS = 2.0
STALL_SECONDS = 0.1
MOST_WORKERS = 64


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Why a question has no answer."""

    reason: str


@dataclass(frozen=True, slots=True)
class _Answer(Generic[T]):
    key: str
    content: T | Unanswered


_Questions = SimpleQueue[tuple[str, Callable[[], T]] | None]
"""None lets one worker go."""


class Patience(Generic[T]):
    """Asks questions by key, with one deadline for all of them. Used by one thread at a time."""

    def __init__(self, enough_seconds: float = ENOUGH_SECONDS, stall_seconds: float = STALL_SECONDS) -> None:
        self._enough_seconds = enough_seconds
        self._stall_seconds = stall_seconds
        self._questions: _Questions[T] = SimpleQueue()
        self._answers: SimpleQueue[_Answer[T]] = SimpleQueue()
        self._unanswered: set[str] = set()
        self._workers = 0
        self._refusal = ""  # what the system said when there was no room for a worker

    def ask(self, questions: Mapping[str, Callable[[], T]]) -> dict[str, T | Unanswered]:
        """All answers that came in time; what failed or is late becomes Unanswered."""
        self._forget_late_answers()
        awaited = [key for key in questions if key not in self._unanswered]
        self._unanswered.update(awaited)
        for key in awaited:
            self._questions.put((key, questions[key]))
        answers = self._wait_for(set(awaited))
        late = Unanswered(f"did not answer within {self._enough_seconds:g} s; asked again when that call returns")
        unasked = Unanswered(f"was not asked: {self._why_no_worker()}; asked again next time")
        answers |= dict.fromkeys(self._take_back(), unasked)
        return {key: answers.get(key, late) for key in questions}

    def close(self) -> None:
        """Let the workers go; one that hangs goes when its call returns."""
        for _ in range(self._workers):
            self._questions.put(None)
        self._questions, self._workers = SimpleQueue(), 0

    def _wait_for(self, awaited: set[str]) -> dict[str, T | Unanswered]:
        answers: dict[str, T | Unanswered] = {}
        deadline = monotonic() + self._enough_seconds
        if awaited and self._workers == 0:
            self._start_workers(1)
        while awaited and self._workers:
            patience_seconds = min(self._stall_seconds, deadline - monotonic())
            if patience_seconds <= 0:
                break
            try:
                answer = self._answers.get(timeout=patience_seconds)
            except Empty:
                self._start_workers(min(self._workers, self._questions.qsize()))
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

    def _start_workers(self, count: int) -> None:
        self._refusal = ""
        for _ in range(min(count, MOST_WORKERS - self._workers)):
            thread = threading.Thread(target=self._work, args=(self._questions,), name="patience", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # the system has no room for another thread
                self._refusal = str(error)
                return
            self._workers += 1

    def _why_no_worker(self) -> str:
        return self._refusal or f"all {self._workers} threads for it wait for others that hang"

    def _take_back(self) -> set[str]:
        """The keys of questions that no worker took."""
        keys: set[str] = set()
        farewells = 0
        with suppress(Empty):
            while True:
                question = self._questions.get_nowait()
                if question is None:
                    farewells += 1
                else:
                    keys.add(question[0])
        for _ in range(farewells):
            self._questions.put(None)
        self._unanswered -= keys
        return keys

    def _work(self, questions: _Questions[T]) -> None:
        while (question := questions.get()) is not None:
            key, ask = question
            try:
                content: T | Unanswered = ask()
            except Exception as error:  # noqa: BLE001 - whatever it is, the worker lives on and the reason is told
                content = Unanswered(str(error))
            self._answers.put(_Answer(key, content))
