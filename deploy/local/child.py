"""One child process: in the foreground, its output on our lines, ended with us whatever happens to us."""

import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from deploy.local.broker import DIES_WITH_PARENT
from deploy.local.output import Output

LINE_BYTES = 64 * 1024
STOP_SECONDS = 30


def _always() -> bool:
    return True


def _as_it_is(line: str) -> str | None:
    return line


@dataclass(frozen=True, slots=True)
class Service:
    """How one program runs. `needs` must hold before it starts, `usable` tells when others may count on it.

    `shown` gives what of a line people see, None for nothing.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    folder: Path
    needs: Callable[[], bool] = _always
    usable: Callable[[], bool] = _always
    shown: Callable[[str], str | None] = _as_it_is


class Child:
    """A service's process. Made by the main thread only: the kernel ends a child with the thread that made it."""

    def __init__(self, service: Service, output: Output) -> None:
        self._service = service
        self._output = output
        self._process = subprocess.Popen(
            [*DIES_WITH_PARENT, *service.command],
            env=dict(service.environment),
            cwd=service.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in a terminal is for the supervisor, which stops all in order
        )
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True)
        self._reader.start()

    @property
    def process_id(self) -> int:
        return self._process.pid

    def exit_code(self) -> int | None:
        """None while it runs, the negative signal number when one ended it."""
        code = self._process.poll()
        if code is not None:
            self._reader.join(timeout=1)  # its last words come before ours about its end
        return code

    def stop(self) -> None:
        """SIGTERM, and SIGKILL for what does not obey."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._output.say(f"{self._service.name} does not stop, killing it")
            self._process.kill()
            self._process.wait()
        self._reader.join(timeout=1)

    def _read(self, pipe: IO[bytes]) -> None:
        with pipe:
            while raw := pipe.readline(LINE_BYTES):
                line = self._service.shown(raw.decode(errors="replace").rstrip())
                if line is not None:
                    self._output.line(self._service.name, line)
