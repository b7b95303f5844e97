"""Runs one command to its end, or until its time is up: no shell, a process group that ends with it, bounded output."""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.checks.account import Account
from agent.checks.deadline import Deadline

MOST_BYTES = 64 * 1024  # of output, and of error output; what is beyond is read and thrown away
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_LOOK_SECONDS = 0.05
_PIECE_BYTES = 16 * 1024


class CannotStart(Exception):
    """The command could not be started; the text says why."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that ended: its exit code (negative: killed by that signal) and the beginning of what it wrote."""

    exit_code: int
    output: str
    error_output: str


def run_child(
    arguments: Sequence[str],
    deadline: Deadline,
    *,
    environment: Mapping[str, str] | None = None,
    user: str | None = None,
) -> Ended:
    """Run it in /, with little more than a PATH and `environment` as its variables, as `user` where one is named.

    Whatever it started in its group has ended when this returns. Raises CannotStart and TimeIsUp.
    """
    deadline.remaining_seconds()
    with _started(arguments, environment or {}, user) as child:
        try:
            output, error_output = _read(child, deadline)
            while not _has_ended(child):
                time.sleep(min(_LOOK_SECONDS, deadline.remaining_seconds()))
        finally:
            _kill_group(child)
    return Ended(child.returncode, output, error_output)


def _started(arguments: Sequence[str], environment: Mapping[str, str], user: str | None) -> "subprocess.Popen[bytes]":
    try:
        account = Account.of(user)
        variables = {"PATH": PATH, "LC_ALL": "C.UTF-8", "HOME": account.home, "USER": account.name}
        return subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd="/",
            env={**variables, **environment},
            start_new_session=True,
            user=account.user_id,
            group=account.group_id,
            extra_groups=account.groups,
        )
    except KeyError as error:
        raise CannotStart(f"{arguments[0]} cannot be started: there is no user {user}") from error
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise CannotStart(f"{arguments[0]} cannot be started: {error}") from error


def _read(child: "subprocess.Popen[bytes]", deadline: Deadline) -> tuple[str, str]:
    """What it wrote when both pipes are closed, or when it ended and left them to a child of its own."""
    written = {pipe.fileno(): bytearray() for pipe in (child.stdout, child.stderr) if pipe is not None}
    with selectors.DefaultSelector() as selector:
        for descriptor in written:
            selector.register(descriptor, selectors.EVENT_READ)
        while selector.get_map():
            has_ended = _has_ended(child)
            ready = selector.select(0 if has_ended else min(_LOOK_SECONDS, deadline.remaining_seconds()))
            if has_ended and not ready:
                break
            deadline.remaining_seconds()
            for key, _ in ready:
                piece = os.read(key.fd, _PIECE_BYTES)
                if not piece:
                    selector.unregister(key.fd)
                written[key.fd] += piece[: MOST_BYTES - len(written[key.fd])]
    output, error_output = (bytes(each).decode("utf-8", "replace") for each in written.values())
    return output, error_output


def _has_ended(child: "subprocess.Popen[bytes]") -> bool:
    """Without waiting for it: as long as nobody did, its number is no other group's."""
    return os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _kill_group(child: "subprocess.Popen[bytes]") -> None:
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except PermissionError:  # nothing left but a program that runs as another user, like ping
        return
