"""What was there before this spool: rows of a damaged one that can be read, and what must be named as lost.

Naming too much is safe, since what arrives nevertheless counts as stored; naming too little is not.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from agent.epoch import is_of_memory
from agent.high_water import Mark
from agent.ranges import Ranges
from agent.spool_file import log_of
from agent.spool_room import RESERVE_PAGES
from agent.spool_rows import GIVE_UP_FIRST, GIVE_UP_LAST, KEEP, Lost, Rows, is_whole
from agent.status import read_status
from rabbitmq.records import LARGEST_EXACT_INTEGER


class Gap(NamedTuple):
    """Numbers of an epoch that the spool before may have held."""

    epoch: int
    first_seq: int
    last_seq: int


class _Key(msgspec.Struct):
    agent_id: str
    epoch: int
    seq: int


class _Row(NamedTuple):
    rank: int
    body: bytes
    epoch: int
    seq: int


def gaps_before(mark: Mark | None, boot_id: str, folder: Path, damaged: Path | None) -> list[Gap]:
    """From the high-water file; epochs that it does not know from the damaged file and from the last status."""
    told = _gaps_told(mark, boot_id) if mark else []
    after = mark.epoch if mark else 0
    last_seqs: dict[int, int] = {}
    for epoch, last_seq in _lives_of(damaged) if damaged else ():
        last_seqs[epoch] = max(last_seqs.get(epoch, 0), last_seq)
    status = read_status(folder)
    if status and not is_of_memory(status.epoch):
        last_seqs[status.epoch] = max(last_seqs.get(status.epoch, 0), status.last_seq)
    read = [Gap(epoch, 1, last) for epoch, last in sorted(last_seqs.items()) if epoch > after and last > 0]
    return told + read


def _gaps_told(mark: Mark, boot_id: str) -> list[Gap]:
    """All that was not settled when the file was last written."""
    current = Gap(mark.epoch, mark.oldest_seq, mark.highest_seq(boot_id))
    return [gap for gap in (*(Gap(*each) for each in mark.earlier), current) if gap.first_seq <= gap.last_seq]


def adopt_readable(rows: Rows, damaged: Path, agent_id: str, gaps: list[Gap], max_pages: int) -> list[Lost]:
    """Put the readable rows into the new spool under their own numbers; returns what of the gaps must be named.

    Called before the spool's first epoch begins. What does not fit any more stays a part of its gap.
    """
    last_seqs = {gap.epoch: gap.last_seq for gap in gaps}
    for row in _readable(damaged, agent_id):
        last_seqs[row.epoch] = max(last_seqs.get(row.epoch, 0), row.seq)
    bases = {}
    for epoch, last_seq in sorted(last_seqs.items()):
        life = rows.add_past_life(epoch)
        rows.end_life(life, last_seq)
        bases[epoch] = life.base
    found: dict[int, Ranges] = {epoch: Ranges() for epoch in last_seqs}
    for row in _readable(damaged, agent_id):
        if rows.state.kept_count % 100 == 0 and max_pages - rows.used_pages < RESERVE_PAGES:
            break
        if row.seq not in found[row.epoch]:
            rows.put(bases[row.epoch] + row.seq, row.rank, row.body)
            found[row.epoch].add(row.seq, row.seq)
    size_bytes = damaged.stat().st_size if damaged.is_file() else 0
    losts = [lost_of(gap, size_bytes, found.get(gap.epoch)) for gap in gaps]
    return [lost for lost in losts if lost.count > 0]


def lost_of(gap: Gap, size_bytes: int = 0, found: Ranges | None = None) -> Lost:
    """The gap as one loss, counting what was not found."""
    inside = sum(last - first + 1 for first, last in found.within(gap.first_seq, gap.last_seq)) if found else 0
    count = gap.last_seq - gap.first_seq + 1 - inside
    return Lost(gap.epoch, gap.first_seq, gap.last_seq, "corrupt", count=count, size_bytes=size_bytes)


def _lives_of(damaged: Path) -> Iterator[tuple[int, int]]:
    """Epochs and their last seqs as far as the damaged file still tells; the first layout had one epoch only."""
    for source in _sources(damaged):
        told = [seq for (seq,) in _query(source, "SELECT seq FROM sqlite_sequence") if _is_ordinal(seq)]
        assigned = max(told, default=0)
        lives = list(_query(source, "SELECT epoch, coalesce(last_seq, ? - base) FROM life", assigned))
        for epoch, last_seq in lives or _query(source, "SELECT epoch, ? FROM life", assigned):
            if _is_ordinal(epoch) and _is_ordinal(last_seq):
                yield epoch, last_seq


def _readable(damaged: Path, agent_id: str) -> Iterator[_Row]:
    """Whole rows of this agent, those of the log again: from the front up to the first page that cannot be read, then
    from the back."""
    for source in _sources(damaged):
        yield from _readable_of(source, agent_id)


def _readable_of(source: str, agent_id: str) -> Iterator[_Row]:
    last_position = None
    for fields in _query(source, "SELECT * FROM record ORDER BY 1"):
        last_position = fields[0]
        if row := _row(fields, agent_id):
            yield row
    for fields in _query(source, "SELECT * FROM record ORDER BY 1 DESC"):
        if fields[0] == last_position:
            return
        if row := _row(fields, agent_id):
            yield row


def _sources(damaged: Path) -> list[str]:
    """The file as its log has it, for what came last, and the file alone, for either may be what is damaged."""
    address = f"{damaged.resolve().as_uri()}?mode=ro"
    alone = f"{address}&immutable=1"
    return [address, alone] if log_of(damaged).is_file() else [alone]


def _query(source: str, query: str, *values: int) -> Iterator[tuple[Any, ...]]:
    """The rows before the first that cannot be read; the file stays as it is."""
    with suppress(sqlite3.Error, OverflowError), closing(sqlite3.connect(source, uri=True)) as database:
        yield from database.execute(query, values)


def _row(fields: tuple[Any, ...], agent_id: str) -> _Row | None:
    """None for a row that is damaged or not ours. The first layout had no checksum."""
    if len(fields) < 3:
        return None
    _, rank, body, *crc = fields
    if rank not in (KEEP, GIVE_UP_LAST, GIVE_UP_FIRST) or not is_whole(body, crc[0] if crc else None):
        return None
    try:
        key = msgspec.json.decode(body, type=_Key)
    except ValueError:
        return None
    if key.agent_id != agent_id or not _is_ordinal(key.epoch) or not _is_ordinal(key.seq):
        return None
    return _Row(rank, body, key.epoch, key.seq)


def _is_ordinal(value: object) -> bool:
    return type(value) is int and 0 < value <= LARGEST_EXACT_INTEGER
