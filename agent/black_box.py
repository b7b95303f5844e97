"""The last two minutes of this host, so that a trouble shows what went before it: second by second from the first sign
on, each other second while all is calm, since waking up is what costs.

Noted as the kernel wrote it, since nearly all of it is thrown away unread; `black_box_samples` reads it when a check
has turned bad.
"""

import os
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from agent.host import Host

REMEMBERED = 120  # notes, and seconds
PERIOD_SECONDS, CALM_PERIOD_SECONDS = 1.0, 2.0
LOAD_SECONDS = 5.0  # as often as the kernel computes it
STAT_BYTES, MEMINFO_BYTES, LOADAVG_BYTES, DISKSTATS_BYTES = 256, 768, 32, 4096  # the lines needed stand first
FILES = ("stat", "meminfo", "loadavg", "diskstats")
EARLY_SECONDS = 0.1  # rather than to wake up for it once more just after a collection
NEVER = float("inf")


class Note(NamedTuple):
    """The first bytes of each of the kernel's files at one time of a clock that is never set."""

    at_seconds: float
    stat: bytes
    meminfo: bytes
    loadavg: bytes
    diskstats: bytes


class BlackBox:
    """Notes once in a period, from `due_seconds` on. Never in a container that sees its host's files as its own, nor
    where there is no /proc.
    """

    def __init__(self, host: Host) -> None:
        self._notes: deque[tuple[float, bytes, bytes, bytes, bytes]] = deque(maxlen=REMEMBERED)
        self._files = _opened(host) if host.scope == "host" else ()
        self._loadavg, self._load_due_seconds = b"", 0.0
        self._period_seconds = CALM_PERIOD_SECONDS
        self.due_seconds = 0.0 if self._files else NEVER

    def watch_closely(self, closely: bool) -> None:
        """From the next note on, as long as something may turn bad."""
        self._period_seconds = PERIOD_SECONDS if closely else CALM_PERIOD_SECONDS

    def note(self, now_seconds: float) -> None:
        """On the grid that began with the first note; one that was missed is left out."""
        on_grid_seconds = self.due_seconds + self._period_seconds
        self.due_seconds = on_grid_seconds if on_grid_seconds > now_seconds else now_seconds + self._period_seconds
        pread, (stat, meminfo, loadavg, diskstats) = os.pread, self._files
        try:
            if now_seconds >= self._load_due_seconds:
                self._loadavg, self._load_due_seconds = pread(loadavg, LOADAVG_BYTES, 0), now_seconds + LOAD_SECONDS
            self._notes.append(
                (
                    now_seconds,
                    pread(stat, STAT_BYTES, 0),
                    pread(meminfo, MEMINFO_BYTES, 0),
                    self._loadavg,
                    pread(diskstats, DISKSTATS_BYTES, 0),
                )
            )
        except OSError:
            return  # a second without a note

    def notes(self, now_seconds: float) -> Sequence[Note]:
        """Those of the last REMEMBERED seconds, oldest first."""
        since_seconds = now_seconds - REMEMBERED
        return tuple(Note(*note) for note in self._notes if note[0] >= since_seconds)

    def close(self) -> None:
        for descriptor in self._files:
            os.close(descriptor)
        self._files, self.due_seconds = (), NEVER


def _opened(host: Host) -> tuple[int, ...]:
    """Descriptors of FILES, which stay open: opening costs more than reading. None at all where one is missing."""
    descriptors: list[int] = []
    try:
        for name in FILES:
            descriptors.append(os.open(f"{host.proc}/{name}", os.O_RDONLY | os.O_CLOEXEC))  # noqa: PERF401 - closed below
    except OSError:
        for descriptor in descriptors:
            os.close(descriptor)
        return ()
    return tuple(descriptors)
