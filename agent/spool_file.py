"""The SQLite file under the spool and its write-ahead log: grown to their bounds when they are made, so that they work
on a full disk, and set aside together when they are damaged."""

import os
import shutil
import sqlite3
import time
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

from rabbitmq.records import LARGEST_EXACT_INTEGER

PAGE_BYTES = 4096
MOST_SET_ASIDE = 3
LOG_BYTES = 4 * 1024 * 1024  # taken from the start: half of it for what a checkpoint waits for, half for one more
LOG_HEADER_BYTES, FRAME_BYTES = 32, PAGE_BYTES + 24
FEWEST_CHECKPOINT_PAGES = 16
SPARE_PAGES = 16
CATCH_UP_FRACTION = 4  # a file that is smaller than its bound grows once this much more is free
DAMAGED = "damaged"  # its readable rows are not saved yet
CORRUPT = "corrupt"  # kept for a person, of no further use to the agent
_LARGEST_BLOB_BYTES = 512 * 1024 * 1024
_GIVES_AWAY = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISMATCH)
_PRIMARY_CODE = 0xFF  # SQLite keeps details in the higher bits

# exclusive: no shared memory beside the file; secure_delete off: Debian's SQLite would write zeros over every record
# that leaves
_PRAGMAS = """
PRAGMA page_size = 4096;
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA synchronous = FULL;
PRAGMA temp_store = MEMORY;
PRAGMA secure_delete = OFF;
"""

# one sync a transaction, where a rollback journal takes four
_LOG_AHEAD = f"""
PRAGMA journal_mode = WAL;
PRAGMA journal_size_limit = {LOG_BYTES};
"""

# position: the number of the record over all epochs; its seq is the distance to the base of its epoch's life
_SCHEMA = """
BEGIN IMMEDIATE;
CREATE TABLE record (
    position INTEGER PRIMARY KEY AUTOINCREMENT, rank INTEGER NOT NULL, body BLOB NOT NULL, crc INTEGER
);
CREATE TABLE life (epoch INTEGER NOT NULL, base INTEGER NOT NULL DEFAULT 0, last_seq INTEGER);
COMMIT;
"""

_STRAYS = """
SELECT count(*) FROM record WHERE NOT EXISTS (
    SELECT 1 FROM life WHERE position > base AND (last_seq IS NULL OR position <= base + last_seq)
)
"""

_FROM_FIRST_LAYOUT = """
BEGIN IMMEDIATE;
ALTER TABLE record RENAME COLUMN seq TO position;
ALTER TABLE record ADD COLUMN crc INTEGER;
ALTER TABLE life ADD COLUMN base INTEGER NOT NULL DEFAULT 0;
ALTER TABLE life ADD COLUMN last_seq INTEGER;
COMMIT;
"""


class SpoolConnection(sqlite3.Connection):
    """A connection that keeps the log's room when it closes; SQLite would give it back to a disk that may be full at
    the next start."""

    file: Path

    def close(self) -> None:
        room = _room(self.file)
        with suppress(OSError):
            room.unlink(missing_ok=True)
            room.hardlink_to(log_of(self.file))
        super().close()
        with suppress(OSError):
            _keep_room(self.file)


def open_spool_file(file: Path, *, max_pages: int) -> sqlite3.Connection:
    """The open database, new where there was none or a damaged one, which is renamed and never deleted. A new one is in
    rollback mode, for what is large, until `write_ahead`.

    Raises sqlite3.Error or OSError when the folder cannot be used.
    """
    try:
        if file.is_dir() or log_of(file).is_dir():
            raise _not_ours(f"{file} is a folder")
        return _open(file, max_pages)
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE not in _GIVES_AWAY:
            raise
    _set_aside(file)
    return _open(file, max_pages)


def write_ahead(database: sqlite3.Connection, file: Path) -> None:
    """From now on one sync a transaction, and no page beyond what the file has: a log that cannot be copied into the
    file would grow for ever."""
    (pages,) = database.execute("PRAGMA page_count").fetchone()
    (most_pages,) = database.execute("PRAGMA max_page_count").fetchone()
    database.execute(f"PRAGMA max_page_count = {max(pages, min(most_pages, file.stat().st_size // PAGE_BYTES))}")
    database.executescript(_LOG_AHEAD)
    log_pages = _grow_log(log_of(file)) // FRAME_BYTES
    database.execute(f"PRAGMA wal_autocheckpoint = {max(FEWEST_CHECKPOINT_PAGES, log_pages // 2)}")


def open_in_memory(*, max_pages: int) -> sqlite3.Connection:
    database = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    database.executescript(_PRAGMAS + _SCHEMA)
    database.execute(f"PRAGMA max_page_count = {max_pages}")
    return database


def log_of(file: Path) -> Path:
    """The write-ahead log, which belongs to no other file; what is in it is not in the file yet."""
    return file.with_name(f"{file.name}-wal")


def damaged_file(file: Path) -> Path | None:
    """The last one set aside whose readable rows nobody has saved yet."""
    return max(file.parent.glob(f"{file.name}.{DAMAGED}-*[0-9]"), default=None)


def saved(damaged: Path) -> Path:
    """Its readable rows are in the new spool; where it lies from now on, for people. A bad disk must not fill with
    such files: the newest stay."""
    corrupt = damaged.with_name(damaged.name.replace(f".{DAMAGED}-", f".{CORRUPT}-"))
    damaged.rename(corrupt)
    damaged.with_name(f"{damaged.name}-shm").unlink(missing_ok=True)  # of those who read it with its log
    if log_of(damaged).exists():
        log_of(damaged).rename(log_of(corrupt))
    file = damaged.name.partition(f".{DAMAGED}-")[0]
    for kind in (f"{file}.{CORRUPT}-[0-9]*[0-9]", f"{file}.{CORRUPT}-[0-9]*-wal"):
        for old in sorted(damaged.parent.glob(kind))[:-MOST_SET_ASIDE]:
            if old.is_file():
                old.unlink()
    return corrupt


def _open(file: Path, max_pages: int) -> sqlite3.Connection:
    if file.exists():
        os.close(os.open(file, os.O_RDWR | os.O_CLOEXEC))  # says it when the disk is read-only; SQLite says I/O error
    else:
        _reunite(log_of(file), damaged_file(file))
    _keep_room(file)
    # psow=0: a commit that is torn by a power cut touches no block of the one before
    address = f"{file.absolute().as_uri()}?psow=0"
    database = sqlite3.connect(
        address, uri=True, timeout=1, isolation_level=None, check_same_thread=False, factory=SpoolConnection
    )
    database.file = file
    try:
        database.executescript(_PRAGMAS)
        database.execute(f"PRAGMA max_page_count = {max_pages}")
        _check(database)
        _bring_up_to_date(database)
        if database.execute("SELECT epoch FROM life").fetchone() is None or _may_catch_up(file, max_pages):
            _grow(database, file, max_pages)
    except BaseException:
        database.close()
        raise
    return database


def _check(database: sqlite3.Connection) -> None:
    (answer,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if answer != "ok":
        raise _not_ours(answer)
    if database.execute("PRAGMA page_size").fetchone() != (PAGE_BYTES,):
        raise _not_ours("another page size")


def _bring_up_to_date(database: sqlite3.Connection) -> None:
    database.execute("DROP TABLE IF EXISTS room")  # a start that was killed while it took the room
    tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if tables - {"record", "life", "sqlite_sequence"}:
        raise _not_ours("tables of another program")
    if not tables:
        database.executescript(_SCHEMA)
    elif "seq" in {column[1] for column in database.execute("PRAGMA table_info(record)")}:
        database.executescript(_FROM_FIRST_LAYOUT)
    database.execute("SELECT position, rank, body, crc FROM record LIMIT 0")
    lives = database.execute("SELECT epoch, base, last_seq FROM life ORDER BY base, epoch").fetchall()
    (strays,) = database.execute(_STRAYS).fetchone()
    if strays or not _plausible(lives):
        raise _not_ours("its epochs and its records do not belong together")


def _plausible(lives: list[tuple[Any, ...]]) -> bool:
    """No two epochs share a position, and only the last and highest one is open."""
    if not lives:
        return True
    epochs = [epoch for epoch, _, _ in lives]
    return (
        all(type(value) is int for epoch, base, _ in lives for value in (epoch, base))
        and min(epochs) > 0
        and epochs[-1] == max(epochs) <= LARGEST_EXACT_INTEGER
        and len(set(epochs)) == len(epochs)
        and [type(last) for _, _, last in lives] == [int] * (len(lives) - 1) + [type(None)]
        and all(base + last <= following for (_, base, last), (_, following, _) in pairwise(lives))
    )


def _grow(database: sqlite3.Connection, file: Path, max_pages: int) -> None:
    """Take the room now, when it is there, but never more than half of what the disk has left."""
    (grown_pages,) = database.execute("PRAGMA page_count").fetchone()
    wanted_pages = max_pages - grown_pages - SPARE_PAGES
    wanted_bytes = min(wanted_pages * (PAGE_BYTES - 4), shutil.disk_usage(file.parent).free // 2)
    database.execute("PRAGMA journal_mode = DELETE")  # not all of it through the log
    database.execute("CREATE TABLE room (taken BLOB)")
    while wanted_bytes > PAGE_BYTES:
        blob_bytes = min(wanted_bytes, _LARGEST_BLOB_BYTES)
        database.execute("INSERT INTO room VALUES (zeroblob(?))", (blob_bytes,))  # committed, or nothing is written
        wanted_bytes -= blob_bytes
    database.execute("DROP TABLE room")


def _may_catch_up(file: Path, max_pages: int) -> bool:
    """It was made when the disk was nearly full, and now there is plenty."""
    missing_bytes = (max_pages - 2 * SPARE_PAGES) * PAGE_BYTES - file.stat().st_size
    return 0 < missing_bytes * CATCH_UP_FRACTION <= shutil.disk_usage(file.parent).free


def _grow_log(log: Path) -> int:
    """Its size in bytes now. Zeros after its end say nothing to SQLite."""
    with suppress(OSError), log.open("ab") as stream:  # on a full disk it stays small
        stream.write(bytes(max(0, LOG_BYTES - stream.tell())))
    return log.stat().st_size


def _keep_room(file: Path) -> None:
    """A log that was closed is an empty one of the same size: SQLite reads no further than a header of zeros."""
    room, log = _room(file), log_of(file)
    if not room.exists():
        return
    if log.exists():  # killed before it was closed
        room.unlink()
        return
    with room.open("r+b") as stream:
        stream.write(bytes(LOG_HEADER_BYTES))
        stream.flush()
        os.truncate(stream.fileno(), min(LOG_BYTES, room.stat().st_size))
        os.fdatasync(stream.fileno())
    room.rename(log)


def _reunite(log: Path, damaged: Path | None) -> None:
    """A start that was killed between moving a damaged file and moving its log: SQLite would delete it."""
    if damaged and log.is_file() and not _is_empty(log) and not log_of(damaged).exists():
        log.rename(log_of(damaged))


def _room(file: Path) -> Path:
    return file.with_name(f"{file.name}-room")


def _set_aside(file: Path) -> None:
    """Move the file, and the log if it says anything, out of the way."""
    aside = file.with_name(f"{file.name}.{DAMAGED}-{time.time_ns()}")
    log = log_of(file)
    _room(file).unlink(missing_ok=True)
    if file.exists():
        file.rename(aside)
    if log.is_file() and _is_empty(log):
        log.unlink()
    elif log.exists():
        log.rename(log_of(aside))


def _is_empty(log: Path) -> bool:
    with log.open("rb") as stream:
        return not any(stream.read(LOG_HEADER_BYTES))


def _not_ours(why: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(why)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error
