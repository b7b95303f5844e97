"""What was done about changes of checks, in a small file that is written before each step: no step is made twice.

    due ---> started ---> ended ---> (forgotten, its record is in the spool)

Whoever finds "started" after a restart knows that the command ran, or may have: it is not run again.
"""

import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from agent.actions import Tried
from agent.files import write_atomically

JOURNAL_FILE = "actions.json"
MOST_ENTRIES = 32
MOST_TRIED = 1000

Outcome = Literal["done", "failed", "timed-out"]

log = logging.getLogger("agent.actions")


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended, as its record tells it."""

    outcome: Outcome
    exit_code: int | None = None
    output: str = ""
    duration_seconds: float = 0.0


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One run of one action for one change. `position` is how far the spool was (epoch and last number) before the
    record of its end was kept.
    """

    number: int
    tried: Tried
    state: Literal["ok", "warning", "critical"]
    since_ms: int
    command: tuple[str, ...]
    environment: dict[str, str]
    timeout_seconds: float
    step: Literal["due", "started", "ended"] = "due"
    ended: Ended | None = None
    position: tuple[int, int] | None = None


class _File(msgspec.Struct, frozen=True, kw_only=True):
    schema: Literal["agent-actions/1"] = "agent-actions/1"
    entries: tuple[Entry, ...] = ()
    tried: tuple[Tried, ...] = ()


class Journal:
    """Any thread may call any method; each that writes raises OSError when the disk refuses."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / JOURNAL_FILE
        self._lock = threading.Lock()
        told = _read(self._file)
        self._entries = {entry.number: entry for entry in told.entries}
        self._next_number = max(self._entries, default=0) + 1
        self.tried = {tried.key: tried for tried in told.tried}

    @property
    def entries(self) -> Sequence[Entry]:
        """What has not been forgotten, oldest first."""
        with self._lock:
            return tuple(self._entries.values())

    def is_full(self) -> bool:
        return len(self._entries) >= MOST_ENTRIES

    def due(self, entry: Entry) -> Entry:
        """Note what is to be run, under a number of its own. What the disk refuses is due nowhere and was not tried."""
        with self._lock:
            entry = msgspec.structs.replace(entry, number=self._next_number)
            before = self.tried.pop(entry.tried.key, None)
            self.tried[entry.tried.key] = entry.tried
            try:
                self._put(entry, durable=False)
            except OSError:
                del self._entries[entry.number], self.tried[entry.tried.key]
                if before is not None:
                    self.tried[before.key] = before
                raise
            self._next_number += 1
            while len(self.tried) > MOST_TRIED:
                del self.tried[next(iter(self.tried))]
            return entry

    def started(self, entry: Entry) -> Entry:
        """Call it before the command runs: this is on disk when it returns."""
        with self._lock:
            return self._put(msgspec.structs.replace(entry, step="started"), durable=True)

    def ended(self, entry: Entry, ended: Ended, position: tuple[int, int]) -> Entry:
        """Call it before its record is kept: with the position one knows later whether it was."""
        with self._lock:
            changed = msgspec.structs.replace(entry, step="ended", ended=ended, position=position)
            return self._put(changed, durable=True)

    def forget(self, entry: Entry, *, as_if_never_tried: bool = False) -> None:
        """Its record is in the spool, or it need not be run any more."""
        with self._lock:
            self._entries.pop(entry.number, None)
            if as_if_never_tried:
                self.tried.pop(entry.tried.key, None)
            self._write(durable=False)

    def is_ok_again(self, rule: str, subject: str) -> None:
        """The next trouble of this check begins to count anew; cool-downs go on."""
        with self._lock:
            over = [tried for tried in self.tried.values() if (tried.rule, tried.subject) == (rule, subject)]
            for tried in over:
                self.tried[tried.key] = msgspec.structs.replace(tried, attempts=0)
            if over:
                self._write(durable=False)

    def _put(self, entry: Entry, *, durable: bool) -> Entry:
        self._entries[entry.number] = entry
        self._write(durable=durable)
        return entry

    def _write(self, *, durable: bool) -> None:
        told = _File(entries=tuple(self._entries.values()), tried=tuple(self.tried.values()))
        write_atomically(self._file, msgspec.json.encode(told), durable=durable)


def _read(file: Path) -> _File:
    """Nothing where there is no file, or a damaged one: what the state of the checks knows is not run again either."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=_File)
    except FileNotFoundError:
        return _File()
    except (OSError, ValueError, RecursionError) as error:
        log.warning("%s cannot be read (%s), actions begin anew", file, str(error)[:200])
        return _File()
