"""Death at an exact instruction: `before` or `after` the n-th call of one function, or before the n-th SQL COMMIT.

A boundary travels to a child process as text: `after agent.link:Link.publish 3`, `before COMMIT 3`.
"""

import os
import signal
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from itertools import count
from typing import Any

VARIABLE = "FAULTS_KILL_AT"


@dataclass(frozen=True, slots=True)
class Boundary:
    """`place` is `module:function`, `module:Class.method` or COMMIT; `call` counts from 1 in each process."""

    when: str
    place: str
    call: int = 3

    def __str__(self) -> str:
        return f"{self.when} {self.place} {self.call}"


def arm(text: str) -> None:
    """Patch this process so that it kills itself there. Raises AttributeError for a place that is no more."""
    when, place, call = text.split()
    if place == "COMMIT":
        _arm_commit(int(call))
        return
    module_name, _, path = place.partition(":")
    owner: Any = import_module(module_name)
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    setattr(owner, name, _deadly(getattr(owner, name), when, int(call)))


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _deadly(function: Callable[..., Any], when: str, call: int) -> Callable[..., Any]:
    calls = count(1)

    def called(*arguments: Any, **named: Any) -> Any:
        its_turn = next(calls) == call
        if its_turn and when == "before":
            die()
        result = function(*arguments, **named)
        if its_turn:
            die()
        return result

    return called


def _arm_commit(call: int) -> None:
    """Every SQLite connection of this process tells of its statements as they begin."""
    commits = count(1)

    def look(statement: str) -> None:
        if statement.strip().upper().startswith("COMMIT") and next(commits) == call:
            die()

    connect: Callable[..., sqlite3.Connection] = sqlite3.connect

    def traced(*arguments: Any, **named: Any) -> sqlite3.Connection:
        connection = connect(*arguments, **named)
        connection.set_trace_callback(look)
        return connection

    for module in (sqlite3, sqlite3.dbapi2):
        vars(module)["connect"] = traced
