"""Commands that cannot be killed, like one that became root: no check waits for them, and none is started twice."""

import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress

_left: dict[tuple[str, ...], "subprocess.Popen[bytes]"] = {}  # one at most for each command of the settings


def leave_behind(arguments: Sequence[str], child: "subprocess.Popen[bytes]") -> None:
    """It goes on by itself; a thread waits for its end, so that it leaves no zombie."""
    _left[tuple(arguments)] = child
    with suppress(RuntimeError):  # without room for a thread the next start of any child reaps it
        threading.Thread(target=child.wait, name="left behind", daemon=True).start()


def still_running(arguments: Sequence[str]) -> int | None:
    """The process that an earlier start of this command left behind, as long as it runs."""
    child = _left.get(tuple(arguments))
    if child is None:
        return None
    if child.poll() is None:
        return child.pid
    _left.pop(tuple(arguments), None)
    return None
