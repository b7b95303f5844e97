"""One channel's way out: a call at a time on a thread of its own, given up at the deadline: nobody waits for it."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from processor.notifiers.notifier import Message, Notifier, NotifierError
from store.response import Notice

DEADLINE_SECONDS = 20.0
MOST_ABANDONED = 4  # calls that never came back; then the channel waits for them


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended: `error` is None when the message was delivered. `notices` are as they were before the claim."""

    notices: Sequence[Notice]
    answer: str = ""
    error: NotifierError | None = None


@dataclass(slots=True)
class _Call:
    """A call under way; whoever finds it abandoned drops its result."""

    notices: Sequence[Notice]
    began: float
    outcome: Outcome | None = None
    is_over: threading.Event = field(default_factory=threading.Event)


class Outlet:
    """`wake` is called from the call's thread when it ended. One thread at a time uses the outlet itself."""

    def __init__(
        self, name: str, notifier: Notifier, wake: Callable[[], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.name = name
        self.notifier = notifier
        self._wake = wake
        self._clock = clock
        self._call: _Call | None = None
        self._abandoned: list[_Call] = []

    @property
    def is_free(self) -> bool:
        self._abandoned = [call for call in self._abandoned if not call.is_over.is_set()]
        return self._call is None and len(self._abandoned) < MOST_ABANDONED

    @property
    def in_flight(self) -> Sequence[int]:
        """The numbers of the notices it has in hand."""
        return [notice.notice_no for notice in self._call.notices] if self._call else []

    def send(self, message: Message) -> None:
        """Begin to deliver; only while it is free."""
        self.begin(lambda: self.notifier.send(message), message.notices)

    def begin(self, work: Callable[[], str], notices: Sequence[Notice] = ()) -> None:
        """Begin a call that raises NotifierError when it fails; only while the outlet is free."""
        call = self._call = _Call(notices, self._clock())
        threading.Thread(target=self._run, args=(call, work), name=f"notify {self.name}", daemon=True).start()

    def ended(self) -> Outcome | None:
        """How the call ended, once; a call over its deadline is given up, and nobody knows whether it arrived."""
        call = self._call
        if call is None:
            return None
        if call.is_over.is_set():
            self._call = None
            return call.outcome
        if self._clock() - call.began < DEADLINE_SECONDS:
            return None
        self._call = None
        self._abandoned.append(call)
        late = NotifierError(f"no answer within {DEADLINE_SECONDS:g} s", is_unsure=True)
        return Outcome(call.notices, error=late)

    def _run(self, call: _Call, work: Callable[[], str]) -> None:
        try:
            call.outcome = Outcome(call.notices, work())
        except NotifierError as error:
            call.outcome = Outcome(call.notices, error=error)
        except Exception as error:  # noqa: BLE001 a notifier's mistake stops no other; its words may hold a secret
            mistake = NotifierError(f"the notifier failed: {type(error).__name__}", is_unsure=True)
            call.outcome = Outcome(call.notices, error=mistake)
        call.is_over.set()
        self._wake()
