"""Collectors that users write: *.py files in a folder, each with `def collect() -> dict[str, float]`.

Such a file runs with all rights of the agent, so it is loaded only when nobody else could have written it.
"""

import errno
import math
import os
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import msgspec

from agent.collectors.collection import LONGEST_NAME
from agent.collectors.collector import Collector, Fact, Partial, labelled
from agent.collectors.patience import Patience, Unanswered
from agent.host import Host
from agent.plain_text import plain_text
from rabbitmq.readings import parse_reading_name
from rabbitmq.records import Readings

PREFIX = "custom."
MOST_FILES = 50
MOST_READINGS = 200  # of one file
MOST_BYTES = 64 * 1024  # of readings and errors of all files, as a snapshot writes them: a quarter of what it may have
MOST_WRONG = 3  # readings of one file that are named
LONGEST_REASON = 400
MOST_SOURCE_BYTES = 1024 * 1024
_NUMBER_BYTES = 26  # the longest there is, with what parts it from its neighbours

_METRIC = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*")


class Refused(Exception):
    """A file or folder that is not used; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Source:
    """The text of one file as it was when it was found to be safe."""

    file: Path
    text: bytes

    @property
    def part(self) -> str:
        return _part(self.file.name)


def load_custom_collectors(folder: Path) -> tuple[list[Collector], dict[str, str]]:
    """What runs the folder's files, and why some were refused, by part like `custom{file="x.py"}`.

    The collector names what was refused in each snapshot; the second is for whoever tells it at the start. No line of
    the files has run yet: they run in threads of their own at the first collection.
    """
    sources: list[Source] = []
    refused: dict[str, str] = {}
    try:
        files = _files(folder)
    except (OSError, Refused) as error:
        files, refused = [], {CustomCollectors.name: f"{folder} is not used: {error}"}
    for file in files:
        try:
            sources.append(Source(file, _safe_text(file)))
        except (OSError, Refused) as error:
            refused[_part(file.name)] = f"{file} is not used: {error}"
    return ([CustomCollectors(sources, refused)] if sources or refused else []), refused


class CustomCollectors:
    """Asks the `collect` of each file at every interval, with one deadline; one that hangs is not asked again."""

    name = "custom"
    period_seconds = None
    facts: tuple[Fact, ...] = ()

    def __init__(self, sources: list[Source], refused: Mapping[str, str]) -> None:
        self._questions = {source.part: _Question(source) for source in sources}
        self._refused = dict(refused)
        self._patience: Patience[object] = Patience()

    def collect(self, host: Host, now_seconds: float) -> Readings:  # noqa: ARG002 - theirs to know
        errors = dict(self._refused)
        readings: Readings = {}
        for part, answer in self._patience.ask(self._questions).items():
            if isinstance(answer, Unanswered):
                errors[part] = answer.reason
                continue
            found, wrong = named_readings(answer)
            taken = [name for name in found if name in readings]
            wrong += [f"{name!r} is given by another file, too" for name in taken]
            readings |= {name: value for name, value in found.items() if name not in readings}
            if wrong:
                errors[part] = _in_short(wrong)
        errors = {part: reason[:LONGEST_REASON] for part, reason in errors.items()}
        readings, why_left_out = within_room(readings, MOST_BYTES - len(msgspec.json.encode(_written(errors))))
        if why_left_out:
            errors[self.name] = why_left_out
        if errors:
            raise Partial(readings, errors)
        return readings

    def close(self) -> None:
        """End the threads behind it; the next collection starts anew."""
        self._patience.close()


class _Question:
    """Calls a file's `collect`; the file itself is run before the first call, and again while that fails."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._collect: Callable[[], object] | None = None

    def __call__(self) -> object:
        try:
            if self._collect is None:
                self._collect = self._load()
            return self._collect()
        except BaseException as error:  # SystemExit, too, would end the thread that asks
            raise RuntimeError(f"{type(error).__name__}: {error}") from error

    def _load(self) -> Callable[[], object]:
        module = ModuleType(f"healthmon_custom_{self._source.file.stem}")
        module.__file__ = str(self._source.file)
        exec(compile(self._source.text, self._source.file, "exec"), module.__dict__)  # noqa: S102 - what it is for
        collect: Callable[[], object] | None = getattr(module, "collect", None)
        if not callable(collect):
            raise TypeError("it has no function collect()")
        return collect


def named_readings(answer: object) -> tuple[Readings, list[str]]:
    """The good ones of what a `collect` returned, named below `custom.`, and what is wrong with the others."""
    if not isinstance(answer, dict):
        return {}, [f"collect() returned {type(answer).__name__}, expected is a dict of names with numbers"]
    readings: Readings = {}
    wrong: list[str] = []
    for name, value in answer.items():
        if len(readings) == MOST_READINGS:
            return readings, [f"{len(answer)} readings, only the first {MOST_READINGS} are kept", *wrong]
        why_bad = _why_bad(name, value)
        if why_bad:
            wrong.append(f"{str(name)[:80]!r} {why_bad}")
        else:
            readings[name if name.startswith(PREFIX) else PREFIX + name] = float(value)
    return readings, wrong


def within_room(readings: Readings, room_bytes: int) -> tuple[Readings, str]:
    """As many of the readings, from the first on, as the room holds, and what is to be said of the others."""
    kept: Readings = {}
    for name, value in readings.items():
        room_bytes -= len(msgspec.json.encode(name)) + _NUMBER_BYTES
        if room_bytes < 0:
            left_out = f"{len(readings) - len(kept)} of {len(readings)} readings are left out, from {name[:80]!r} on"
            return kept, f"{left_out}: a snapshot has room for {MOST_BYTES // 1024} KiB of them; give fewer"
        kept[name] = value
    return kept, ""


def _written(errors: Mapping[str, str]) -> dict[str, str]:
    return {plain_text(part): plain_text(reason) for part, reason in errors.items()}


def _in_short(wrong: list[str]) -> str:
    of = f"{len(wrong)} troubles, the first of them: " if len(wrong) > MOST_WRONG else ""
    return of + "; ".join(wrong[:MOST_WRONG])


def _why_bad(name: object, value: object) -> str:
    if not isinstance(name, str):
        return "is no text"
    try:
        metric, _ = parse_reading_name(name)
    except ValueError:
        return 'is no name of a reading: its labels must look like {key="value"}'
    if _METRIC.fullmatch(metric) is None:
        return "is no name of a reading: write it in small letters, digits, _ and dots"
    if not name.isprintable():
        return "is no name of a reading: it holds a character that cannot be printed, or bytes that are no UTF-8"
    if len(PREFIX) + len(name) > LONGEST_NAME:
        return f"is longer than {LONGEST_NAME} characters"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"is {type(value).__name__}, not a number"
    try:
        return "" if math.isfinite(value) else "is not finite"
    except OverflowError:
        return "is too large"


def _files(folder: Path) -> list[Path]:
    """The folder's *.py files by name. Raises OSError, and Refused when somebody else could have put them there."""
    _refuse_unsafe(folder.stat())
    files = sorted(folder.glob("*.py"))
    if len(files) > MOST_FILES:
        raise Refused(f"it has {len(files)} files, allowed are {MOST_FILES}")
    return files


def _safe_text(file: Path) -> bytes:
    """The content of a file, judged and read through one descriptor. Raises OSError and Refused."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise Refused("it is a link; put the file itself here") from error
        raise
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise Refused("it is no regular file")
        _refuse_unsafe(status)
        if status.st_size > MOST_SOURCE_BYTES:
            raise Refused(f"it is larger than {MOST_SOURCE_BYTES} bytes")
        return os.read(descriptor, MOST_SOURCE_BYTES)
    finally:
        os.close(descriptor)


def _refuse_unsafe(status: os.stat_result) -> None:
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise Refused("group or others may write to it; chmod go-w makes it safe")
    if status.st_uid not in (0, os.geteuid()):
        raise Refused(f"it belongs to user {status.st_uid}; it must belong to root or to the agent's user")


def _part(file_name: str) -> str:
    return labelled(CustomCollectors.name, "file", file_name)
