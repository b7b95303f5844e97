"""One stack per state folder: the lock that the running one holds, with its process id for `down`."""

import fcntl
import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

STOP_SECONDS = 120


class AlreadyRunning(Exception):
    """Somebody holds the lock; the message names the process."""


@contextmanager
def stack_lock(var: Path) -> Iterator[None]:
    """Hold the lock; the kernel frees it when this process ends, however that happens. Raises AlreadyRunning."""
    (var / "run").mkdir(mode=0o700, parents=True, exist_ok=True)
    with _lock_file(var).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(f"the stack is already running as process {_holder(var)}") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def stop_holder(var: Path) -> int | None:
    """Ask the running stack to stop and wait for its end; its process id, None when none runs.

    Raises TimeoutError.
    """
    if not _is_held(var):
        return None
    process_id = _holder(var)
    with suppress(ProcessLookupError):
        handle = os.pidfd_open(process_id)
        os.kill(process_id, signal.SIGTERM)
        _wait_for_end(handle, process_id)
    return process_id


def _wait_for_end(handle: int, process_id: int) -> None:
    ended, _, _ = select.select([handle], [], [], STOP_SECONDS)
    os.close(handle)
    if not ended:
        raise TimeoutError(f"process {process_id} did not stop within {STOP_SECONDS} s")


def _lock_file(var: Path) -> Path:
    return var / "run" / "stack.pid"


def _holder(var: Path) -> int:
    return int(_lock_file(var).read_text())


def _is_held(var: Path) -> bool:
    try:
        with _lock_file(var).open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
