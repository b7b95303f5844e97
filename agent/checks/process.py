"""Processes: do as many run as should?"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import msgspec

from agent.check_settings import CheckSetting, Text
from agent.checks.deadline import Deadline
from agent.checks.line_search import CHILD_OPTIONS, LineSearch
from agent.checks.observation import Observation, Probe
from agent.checks.pattern import PatternText, why_bad_pattern
from agent.host import Host
from agent.performance_data import Measured
from health.state import State

KERNEL_NAME_CHARACTERS = 15
MOST_BYTES = 8192

Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


class ProcessCheck(CheckSetting, frozen=True, kw_only=True):
    """Counts processes by the `program`'s name, by a regular `pattern` in their command line, or by both."""

    kind: ClassVar[str] = "process"

    program: Text | None = None
    pattern: PatternText | None = None
    min_count: Count = 1
    max_count: Count | None = None

    def problems(self) -> list[tuple[str, str]]:
        problems = []
        if self.program is None and self.pattern is None:
            problems.append(("program", "must be set, or pattern."))
        if self.pattern is not None and (why_bad := why_bad_pattern(self.pattern)):
            problems.append(("pattern", why_bad))
        if self.max_count is not None and self.max_count < self.min_count:
            problems.append(("max_count", f"must be at least min_count, which is {self.min_count}."))
        return problems

    def probe(self) -> Probe:
        proc = Host.detect(os.environ).proc

        def observe(deadline: Deadline) -> Observation:
            try:
                named = [process.command_line for process in living_processes(proc) if self._is_named(process)]
            except OSError as error:
                return Observation(State.UNKNOWN, f"processes cannot be listed: {error}")
            if self.pattern is None:
                return self._judge(len(named))
            search = LineSearch(self.pattern, deadline)
            for command_line in named:
                search.add(command_line)
            search.end()
            return Observation(State.UNKNOWN, search.trouble) if search.trouble else self._judge(search.matched)

        return observe

    def _is_named(self, process: "Process") -> bool:
        return (self.program is None or process.is_called(self.program)) and not process.is_search

    def _judge(self, count: int) -> Observation:
        what = " with ".join(filter(None, (self.program, self.pattern and f"{self.pattern!r} in the command line")))
        most = "" if self.max_count is None else f" and at most {self.max_count}"
        is_well = count >= self.min_count and (self.max_count is None or count <= self.max_count)
        text = f"{count} processes of {what}, expected are at least {self.min_count}{most}"
        return Observation(State.OK if is_well else State.CRITICAL, text, (Measured("processes", "", float(count)),))


@dataclass(frozen=True, slots=True)
class Process:
    """`name` is the kernel's, cut to KERNEL_NAME_CHARACTERS; `arguments` are empty for a thread of the kernel."""

    name: str
    arguments: tuple[str, ...]

    def is_called(self, program: str) -> bool:
        return self.name == program[:KERNEL_NAME_CHARACTERS] or (
            bool(self.arguments) and Path(self.arguments[0]).name == program
        )

    @property
    def is_search(self) -> bool:
        """One that the agent has started for another check with a pattern."""
        return self.arguments[1:] == CHILD_OPTIONS

    @property
    def command_line(self) -> str:
        return " ".join(self.arguments)


def living_processes(proc: Path) -> Iterator[Process]:
    """Those that are there while their turn comes, and are more than a zombie. Raises OSError."""
    for folder in os.listdir(proc):  # noqa: PTH208 - names alone are needed
        if folder.isdecimal():
            try:
                stat, arguments = _read(f"{proc}/{folder}/stat"), _read(f"{proc}/{folder}/cmdline")
            except OSError:  # it ended meanwhile, or is hidden from this user
                continue
            name, _, state = stat.partition("(")[2].rpartition(") ")
            if not state.startswith(("Z", "X")):
                yield Process(name, tuple(filter(None, arguments.split("\0"))))


def _read(path: str) -> str:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, MOST_BYTES).decode("utf-8", "replace")
    finally:
        os.close(descriptor)
