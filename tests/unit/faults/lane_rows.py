"""Rows without a fault, for lanes to run: a lane is another process and finds them by their names."""

import os
import signal
import time
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

from faults.rig import Rig
from faults.row import CannotRun, Inject, Row

LONGEST_SECONDS = 60.0


def note_the_lane(rig: Rig) -> None:
    rig.note(str(os.getpid()))


def fail(_rig: Rig) -> None:
    raise AssertionError("it broke")


def leave(_rig: Rig) -> None:
    raise SystemExit(3)


def die(_rig: Rig) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def meet(_rig: Rig, own: Path, other: Path) -> None:
    """Ends when the other one has begun too: never, one after the other."""
    own.touch()
    deadline = time.monotonic() + LONGEST_SECONDS
    while not other.exists():
        assert time.monotonic() < deadline, "the other one never came"
        time.sleep(0.02)


def hang(rig: Rig, begun: Path) -> None:
    """With a folder, until it is told to end."""
    with rig.scratch() as folder:
        (folder / "child").touch()
        _tell_process_id(begun)
        time.sleep(LONGEST_SECONDS)


def freeze(rig: Rig, begun: Path) -> None:
    """With a disk, where this machine lets us; it will not hear that it is told to end."""
    with ExitStack() as stack:
        with suppress(CannotRun):
            stack.enter_context(rig.disk(8))
        _tell_process_id(begun)
        os.kill(os.getpid(), signal.SIGSTOP)


def _tell_process_id(file: Path) -> None:
    """All of it or nothing."""
    new = file.with_suffix(".new")
    new.write_text(str(os.getpid()))
    new.replace(file)


def row(number: str, inject: Inject) -> Row:
    return Row(number, f"fault {number}", inject, is_quick=True)


def meeting(number: str, own: Path, other: Path) -> Row:
    return row(number, partial(meet, own=own, other=other))
