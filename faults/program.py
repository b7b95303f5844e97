"""One of our programs as a child process: started, killed, frozen; its output kept in a file."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.local.broker import DIES_WITH_PARENT

ROOT = Path(__file__).parents[1]
STOP_SECONDS = 30
READY_SECONDS = 20
GONE_SECONDS = 60  # after SIGKILL: longer only when the kernel itself hangs


class Program:
    """`python -m <module> <arguments>`; `inside` is a command that starts it elsewhere, as in a network namespace.

    Call it from the main thread: the kernel ends a child with the thread that made it.
    """

    def __init__(
        self,
        name: str,
        module_and_arguments: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        inside: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self.started_ms: list[int] = []
        self.thawed_ms: list[int] = []
        self.deaths_ms: list[int] = []  # when it was seen to be killed
        self.killed_ids: set[int] = set()
        self.own_ends: list[int] = []  # exit codes of processes that nobody had killed or asked to stop
        self._command = [*DIES_WITH_PARENT, *inside, sys.executable, "-m", *module_and_arguments]
        self._environment = {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1", **environment}
        self._process: subprocess.Popen[bytes] | None = None
        self._is_end_known = True

    def start(self, **settings: str) -> None:
        """With these environment variables on top, for this start only."""
        self.note_end()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment | settings,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.started_ms.append(_now_ms())
        self._is_end_known = False

    @property
    def starts(self) -> int:
        return len(self.started_ms)

    @property
    def process_id(self) -> int:
        assert self._process is not None, f"{self.name} was never started"
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs, the negative signal number when one ended it."""
        return self._process.poll() if self._process else 0

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def was_killed(self) -> bool:
        return self.exit_code == -signal.SIGKILL

    def kill(self) -> None:
        """SIGKILL, also to one that is frozen; returns when it is gone. Raises subprocess.TimeoutExpired."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(GONE_SECONDS)
            self.note_end()

    def note_end(self) -> None:
        """Once for each process; whoever starts it again does so as soon as it sees that it is gone."""
        if self._is_end_known or self.exit_code is None:
            return
        self._is_end_known = True
        if self.was_killed:
            self.deaths_ms.append(_now_ms())
            self.killed_ids.add(self.process_id)
        else:
            self.own_ends.append(self.exit_code)

    def freeze(self) -> None:
        os.kill(self.process_id, signal.SIGSTOP)

    def thaw(self) -> None:
        self.thawed_ms.append(_now_ms())
        os.kill(self.process_id, signal.SIGCONT)

    def stop(self) -> int:
        """SIGTERM; returns the exit code. One that does not obey is killed, and that is its exit code then."""
        if self._process is None:
            return 0
        self._await_readiness()
        self.note_end()
        self._is_end_known = True
        self._process.terminate()
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._is_end_known = False
            self.kill()
            return -signal.SIGKILL

    def _await_readiness(self) -> None:
        """One that has just been started does not yet know how to end in good order."""
        deadline = time.monotonic() + READY_SECONDS
        while self.is_alive and not self._catches(signal.SIGTERM) and time.monotonic() < deadline:
            time.sleep(0.05)

    def _catches(self, number: signal.Signals) -> bool:
        """As the kernel tells it, which counts signals from 1."""
        status = Path(f"/proc/{self.process_id}/status").read_text()
        caught = next((line.split()[1] for line in status.splitlines() if line.startswith("SigCgt")), "0")
        return bool(int(caught, 16) >> (number - 1) & 1)

    def rss_bytes(self) -> int:
        """Resident memory, 0 when it does not run."""
        if not self.is_alive:
            return 0
        pages = int(Path(f"/proc/{self.process_id}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def log_text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
