"""Being told to end: everything that was started is taken down, once."""

import signal
import sys
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


def end_on_signals() -> None:
    """SIGTERM and Ctrl-C leave by SystemExit, so that every `with` and `finally` has its turn."""
    for number in SIGNALS:
        signal.signal(number, _end)


def _end(number: int, _frame: FrameType | None) -> None:
    for each in SIGNALS:
        signal.signal(each, lambda *_: None)  # a second one must not break the taking down
    sys.exit(128 + number)
