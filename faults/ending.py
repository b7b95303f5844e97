"""Being told to end: everything that was started is taken down, once."""

import signal
import sys
from collections.abc import Callable, Iterable
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


def end_on_signals() -> None:
    """SIGTERM and Ctrl-C leave by SystemExit, so that every `with` and `finally` has its turn."""
    for number in SIGNALS:
        signal.signal(number, _end)


def take_down(closers: Iterable[Callable[[], object]]) -> None:
    """Call them all, in this order: one that fails keeps none of the others. Raises ExceptionGroup in the end."""
    errors: list[Exception] = []
    for close in closers:
        try:
            close()
        except Exception as error:  # noqa: BLE001 - all of them are told in the end
            errors.append(error)
    if errors:
        raise ExceptionGroup("not all of a run could be taken down", errors)


def _end(number: int, _frame: FrameType | None) -> None:
    for each in SIGNALS:
        signal.signal(each, lambda *_: None)  # a second one must not break the taking down
    sys.exit(128 + number)
