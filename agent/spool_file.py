"""The SQLite file under the spool: opened so that it works on a full disk, set aside when it is damaged."""

import sqlite3
import time
from pathlib import Path

from agent.epoch import open_epoch

PAGE_BYTES = 4096
COUNTER_FILE = "epoch-counter"
_ASIDE = ".corrupt-"
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_PRIMARY_CODE = 0xFF  # SQLite keeps details in the higher bits

# secure_delete off: Debian's SQLite would write zeros over every confirmed record
_PRAGMAS = """
PRAGMA page_size = 4096;
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA journal_mode = PERSIST;
PRAGMA synchronous = FULL;
PRAGMA temp_store = MEMORY;
PRAGMA secure_delete = OFF;
"""

_SCHEMA = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS record (seq INTEGER PRIMARY KEY AUTOINCREMENT, rank INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS life (epoch INTEGER NOT NULL);
COMMIT;
"""


def open_spool_file(file: Path, *, max_pages: int) -> tuple[sqlite3.Connection, int, Path | None]:
    """The open database, its epoch, and where a damaged predecessor lies that no record names yet.

    A damaged file is renamed, never deleted, and a new one begins a higher epoch. Raises sqlite3.Error or OSError when
    the folder cannot be used.
    """
    try:
        return _open_life(file, max_pages)
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE not in _DAMAGED:
            raise
    _set_aside(file)
    return _open_life(file, max_pages)


def _open_life(file: Path, max_pages: int) -> tuple[sqlite3.Connection, int, Path | None]:
    database = _open(file, max_pages)
    return database, _epoch_of(database, file), None if _has_records(database) else _last_set_aside(file)


def _open(file: Path, max_pages: int) -> sqlite3.Connection:
    database = sqlite3.connect(file, timeout=1, isolation_level=None, check_same_thread=False)
    try:
        database.executescript(_PRAGMAS)
        _check(database)
        database.execute(f"PRAGMA max_page_count = {max_pages}")
        database.executescript(_SCHEMA)
    except BaseException:
        database.close()
        raise
    return database


def _check(database: sqlite3.Connection) -> None:
    (answer,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if answer != "ok":
        error = sqlite3.DatabaseError(answer)
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error


def _set_aside(file: Path) -> None:
    """Move the file and its journal (which belongs to no other file) out of the way."""
    suffix = f"{_ASIDE}{int(time.time())}"
    for part in (file, file.with_name(f"{file.name}-journal")):
        if part.exists():
            part.rename(part.with_name(f"{part.name}{suffix}"))


def _last_set_aside(file: Path) -> Path | None:
    return max(file.parent.glob(f"{file.name}{_ASIDE}*"), default=None)


def _has_records(database: sqlite3.Connection) -> bool:
    """Whether this spool ever kept one: the first names what was lost before."""
    return database.execute("SELECT seq FROM sqlite_sequence WHERE seq > 0").fetchone() is not None


def _epoch_of(database: sqlite3.Connection, file: Path) -> int:
    row = database.execute("SELECT epoch FROM life").fetchone()
    if row is not None:
        return int(row[0])
    epoch = open_epoch(file.with_name(COUNTER_FILE))
    database.execute("INSERT INTO life VALUES (?)", (epoch,))
    return epoch
