"""A host that has slept, to itself: its boot clock is ahead of the monotonic one, in a time namespace of the kernel."""

import os
import subprocess
import sys
from pathlib import Path

from faults.row import CannotRun

AHEAD = "FAULTS_BOOT_CLOCK_AHEAD_SECONDS"
_TRIED_SECONDS = 10**6


def require_time_namespaces() -> None:
    """Raises CannotRun where a program cannot be started with another boot clock."""
    tried = subprocess.run(
        [*_ahead(_TRIED_SECONDS), "cat", "/proc/uptime"], check=False, capture_output=True, text=True
    )
    moved = float(tried.stdout.split()[0]) if tried.returncode == 0 else 0.0
    if moved < float(Path("/proc/uptime").read_text().split()[0]) + _TRIED_SECONDS / 2:
        raise CannotRun(f"no boot clock of its own: {tried.stderr.strip() or 'the kernel moves none at exec'}")


def move_ahead(module: str) -> None:
    """Begin this program, `python -m module`, anew with its boot clock so far ahead, where that is asked for."""
    seconds = os.environ.pop(AHEAD, None)
    if seconds is not None:
        os.execvp("unshare", [*_ahead(int(seconds)), sys.executable, "-m", module])  # noqa: S606 - the same process


def _ahead(seconds: int) -> list[str]:
    return ["unshare", "--time", "--boottime", str(seconds)]
