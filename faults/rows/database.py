"""The database goes, comes back, and does not say whether it has committed."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg

from faults.rig import Rig
from faults.row import row
from faults.run import Run


@row(21, "database: PostgreSQL stopped for a minute (quick) or ten", quick=True)
def database_away(rig: Rig) -> None:
    with rig.running(database="postgresql") as run:
        run.flow()
        assert run.postgres is not None
        run.postgres.stop()
        time.sleep(60 if rig.quick else 600)  # the outage itself
        assert run.processors[0].is_alive
        run.postgres.start()
        run.settle()


@row(24, "database: nobody knows whether it committed", quick=True)
def commit_outcome_unknown(rig: Rig) -> None:
    with rig.running(database="postgresql") as run:
        for _ in range(5):
            run.flow(1)
            run.database_road.cut_reply_to(b"COMMIT")
            run.until(lambda: run.database_road.reply_was_cut, "a commit whose answer is cut off")
            run.flow(1)
            assert "the database is away" in run.processors[0].log_text(), "nobody missed the answer"
        run.settle()


@row(22, "database: locked for 45 s, SQLite and PostgreSQL")
def database_locked(rig: Rig) -> None:
    for database in ("sqlite", "postgresql"):
        with rig.running(database=database) as run:
            run.flow()
            with locked_store(run):
                time.sleep(45)  # the lock itself
            assert run.processors[0].is_alive
            run.settle()


@row(23, "database: its disk full")
def database_disk_full(rig: Rig) -> None:
    with rig.disk(32) as disk, rig.running(database_folder=disk.mount) as run:
        run.flow()
        disk.fill()
        run.offer(45)
        assert run.processors[0].is_alive
        disk.free()
        run.settle()
    rig.note("an fsync that fails is not part of it yet")


@contextmanager
def locked_store(run: Run) -> Iterator[None]:
    """Somebody else holds a lock that lets nobody write."""
    if run.postgres is None:
        with closing(sqlite3.connect(run.folder / "store.db", isolation_level=None)) as file:
            file.execute("BEGIN EXCLUSIVE")
            yield
            file.execute("ROLLBACK")
    else:
        with psycopg.connect(run.postgres.url()) as server:
            server.execute("LOCK TABLE snapshot, record, fence IN ACCESS EXCLUSIVE MODE")
            yield
