"""What a damaged spool held, so that it can be named as lost: from its readable rows and from the last status."""

import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from agent.status import read_status
from rabbitmq.records import LARGEST_EXACT_INTEGER


@dataclass(frozen=True, slots=True)
class Predecessor:
    """The spool before this one: its epoch, the highest seq known of it, and how much of it was not confirmed."""

    epoch: int
    last_seq: int
    count: int
    size_bytes: int

    def __str__(self) -> str:
        return f"about {self.count} of records 1 to {self.last_seq} of epoch {self.epoch}"


def predecessor_of(damaged: Path, *, new_epoch: int) -> Predecessor | None:
    """All that can be learnt of the damaged file, or None when its epoch or its numbers are not known.

    1. The epoch: from the file, else from the status in the same folder; always an earlier one than `new_epoch`.
    2. The last seq: the highest of those readable in the file and that of the status, when it tells of this epoch.
    3. The count: the records readable or told as waiting; one at least, since what came last is not known.
    """
    epochs, kept, assigned = _readable(damaged)
    status = read_status(damaged.parent)
    told = (status.epoch, status.last_seq, status.waiting) if status else (0, 0, 0)
    epoch = next((epoch for epoch in (*epochs, told[0]) if 0 < epoch < new_epoch), 0)
    _, told_seq, waiting = told if told[0] == epoch else (epoch, 0, 0)
    last_seq = max((seq for seq in (*kept, *assigned, told_seq) if seq <= LARGEST_EXACT_INTEGER), default=0)
    if not epoch or last_seq < 1:
        return None
    return Predecessor(epoch, last_seq, max(len(kept), waiting, 1), damaged.stat().st_size)


def _readable(damaged: Path) -> tuple[list[int], list[int], list[int]]:
    """Epochs, kept seqs and last assigned seqs, as far as they can be read; the file is not touched."""
    with closing(sqlite3.connect(f"{damaged.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as database:
        return (
            _integers(database, "SELECT epoch FROM life"),
            _integers(database, "SELECT seq FROM record ORDER BY seq"),
            _integers(database, "SELECT seq FROM sqlite_sequence UNION ALL SELECT max(seq) FROM record"),
        )


def _integers(database: sqlite3.Connection, query: str) -> list[int]:
    """The rows before the first that cannot be read."""
    found: list[int] = []
    with suppress(sqlite3.Error):
        for (value,) in database.execute(query):
            if isinstance(value, int):
                found.append(value)
    return found
