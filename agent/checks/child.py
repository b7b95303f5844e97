"""Runs one command to its end, or until its time is up: no shell, a process group that ends with it, bounded output."""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.checks.account import Account
from agent.checks.deadline import Deadline, TimeIsUp
from agent.checks.left_behind import leave_behind, still_running

MOST_BYTES = 64 * 1024  # of output, and of error output; what is beyond is read and thrown away
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
UMASK = 0o022  # the agent's own hides its state from others, which is not what a command expects

_LOOK_SECONDS = 0.05
_KILL_SECONDS = 1.0  # for what is killed to be gone
_PIECE_BYTES = 16 * 1024


class CannotStart(Exception):
    """The command could not be started; the text says why."""


class NotKilled(TimeIsUp):
    """The time is up, and the command goes on by itself; the text says why."""


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
    content: bytes = b"",
) -> Ended:
    """Run it in /, with little more than a PATH and `environment` as its variables, as `user` where one is named.

    `content` is what it may read. Whatever it started in its group has ended when this returns. Raises CannotStart,
    TimeIsUp, and NotKilled of a command that is out of reach then: it is started no second time while it runs.
    """
    deadline.remaining_seconds()
    if process_id := still_running(arguments):
        raise CannotStart(f"{arguments[0]} is not started: process {process_id}, which could not be killed, runs still")
    child = _started(arguments, environment or {}, user, reads=bool(content))
    try:
        output, error_output = _exchange(child, deadline, content)
        while not _has_ended(child):
            time.sleep(min(_LOOK_SECONDS, deadline.remaining_seconds()))
    except TimeIsUp as over:
        if why_not := _end(child):
            leave_behind(arguments, child)
            raise NotKilled(f"{over}; process {child.pid} {why_not}, and goes on by itself") from over
        raise
    except BaseException:
        _end(child)
        raise
    _end(child)
    return Ended(child.returncode, output, error_output)


def _started(
    arguments: Sequence[str], environment: Mapping[str, str], user: str | None, *, reads: bool
) -> "subprocess.Popen[bytes]":
    try:
        account = Account.of(user)
        variables = {"PATH": PATH, "LC_ALL": "C.UTF-8", "HOME": account.home, "USER": account.name}
        return subprocess.Popen(
            arguments,
            stdin=subprocess.PIPE if reads else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd="/",
            env={**variables, **environment},
            start_new_session=True,
            user=account.user_id,
            group=account.group_id,
            extra_groups=account.groups,
            umask=UMASK,
        )
    except KeyError as error:
        raise CannotStart(f"{arguments[0]} cannot be started: there is no user {user}") from error
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise CannotStart(f"{arguments[0]} cannot be started: {error}") from error


def _exchange(child: "subprocess.Popen[bytes]", deadline: Deadline, content: bytes) -> tuple[str, str]:
    """What it wrote when both pipes are closed, or when it ended and left them to a child of its own."""
    written = {pipe.fileno(): bytearray() for pipe in (child.stdout, child.stderr) if pipe is not None}
    with selectors.DefaultSelector() as selector:
        for descriptor in written:
            selector.register(descriptor, selectors.EVENT_READ)
        feeding = _Feeding(child, content, selector)
        while selector.get_map():
            has_ended = _has_ended(child)
            ready = selector.select(0 if has_ended else min(_LOOK_SECONDS, deadline.remaining_seconds()))
            if has_ended and not any(key.fd in written for key, _ in ready):
                break
            deadline.remaining_seconds()
            for key, _ in ready:
                if key.fd not in written:
                    feeding.go_on()
                    continue
                piece = os.read(key.fd, _PIECE_BYTES)
                if not piece:
                    selector.unregister(key.fd)
                written[key.fd] += piece[: MOST_BYTES - len(written[key.fd])]
    output, error_output = (bytes(each).decode("utf-8", "replace") for each in written.values())
    return output, error_output


class _Feeding:
    """Writes what the command is to read, as fast as it reads."""

    def __init__(self, child: "subprocess.Popen[bytes]", content: bytes, selector: selectors.BaseSelector) -> None:
        self._pipe = child.stdin
        self._rest = memoryview(content)
        self._selector = selector
        if self._pipe is not None:
            os.set_blocking(self._pipe.fileno(), False)
            selector.register(self._pipe, selectors.EVENT_WRITE)

    def go_on(self) -> None:
        if self._pipe is None:
            return
        try:
            self._rest = self._rest[os.write(self._pipe.fileno(), self._rest[:_PIECE_BYTES]) :]
        except BrokenPipeError:  # it has read enough
            self._rest = self._rest[:0]
        if not self._rest:
            self._selector.unregister(self._pipe)
            self._pipe.close()


def _has_ended(child: "subprocess.Popen[bytes]") -> bool:
    """Without waiting for it: as long as nobody did, its number is no other group's."""
    return os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _end(child: "subprocess.Popen[bytes]") -> str:
    """Kill its group, close its pipes, reap it. Why it could not be killed; empty when it is gone."""
    why_not, seconds = "is killed and does not end", _KILL_SECONDS
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except PermissionError:  # nothing is left but a program that runs as another user, like sudo
        why_not, seconds = "could not be killed because it runs as another user", 0.0
    for pipe in filter(None, (child.stdin, child.stdout, child.stderr)):
        pipe.close()
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        return why_not
    return ""
