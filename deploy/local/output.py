"""The stack's one stream of lines: each with the name of its service in front, in that service's colour."""

import threading
from collections.abc import Sequence
from typing import IO

COLOURS = (36, 33, 32, 35, 34, 96, 93, 92)  # cyan, yellow, green, magenta, blue, then their bright sisters
STACK = "stack"  # the supervisor's own lines


class Output:
    """Lines from many threads, never mixed. A reader who went away (`| head`) stops nothing."""

    def __init__(self, stream: IO[str], names: Sequence[str], *, colour: bool) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._width = max(len(name) for name in (STACK, *names))
        self._colours = {name: COLOURS[number % len(COLOURS)] for number, name in enumerate(names)} if colour else {}

    def line(self, name: str, text: str) -> None:
        prefix = f"{name:<{self._width}} |"
        if name in self._colours:
            prefix = f"\x1b[{self._colours[name]}m{prefix}\x1b[0m"
        self._write(f"{prefix} {text}\n")

    def say(self, text: str) -> None:
        """What the supervisor itself has to tell."""
        for line in text.splitlines():
            self.line(STACK, line)

    def _write(self, text: str) -> None:
        with self._lock:
            try:
                self._stream.write(text)
                self._stream.flush()
            except (OSError, ValueError):
                pass
