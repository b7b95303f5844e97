"""The database goes, comes back, and does not say whether it has committed."""

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg

from faults import quarrels
from faults.disk import Disk
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


BATCHES_CUT, MOST_CUTS = 5, 25  # commits of notices and of housekeeping are hit as well


@row(24, "database: nobody knows whether it committed", quick=True)
def commit_outcome_unknown(rig: Rig) -> None:
    with rig.running(database="postgresql") as run:
        for _ in range(MOST_CUTS):
            run.flow(1)
            run.database_road.cut_reply_to(b"COMMIT")
            run.until(lambda: run.database_road.reply_was_cut, "a commit whose answer is cut off")
            run.flow(1)
            missed_count = run.processors[0].log_text().count("the database is away")
            if missed_count >= BATCHES_CUT:
                break
        assert missed_count, "nobody missed the answer"
        run.settle()
    rig.note(f"{missed_count} batches; other commits were hit, too")


QUARRELS = (
    (quarrels.slow, ""),
    (quarrels.deadlock, "deadlock detected"),
    (quarrels.session_ended, "terminating connection due to administrator command"),
    (quarrels.conflict, "could not serialize access due to concurrent update"),
)
AWAY = re.compile(r"the database is away: .* is unavailable: (.*)\. Nothing is lost")
LOCKED = {"sqlite": "database is locked", "postgresql": "canceling statement due to statement timeout"}


@row(22, "database: locked for 45 s, SQLite and PostgreSQL; slow, deadlock, ended session, conflict")
def database_locked(rig: Rig) -> None:
    for database, complaint in LOCKED.items():
        with rig.running(database=database) as run:
            run.flow()
            with locked_store(run):
                time.sleep(45)  # the lock itself
            run.drain()
            run.flow(1)
            _was_told(run, complaint)
            for quarrel, its_complaint in QUARRELS if run.postgres else ():
                assert run.postgres is not None
                quarrel(run.postgres.url())
                run.flow(1)
                _was_told(run, its_complaint)
            assert run.processors[0].starts == 1, "it had to be started again"
            run.settle()
    rig.note(f"each of them named by the processor: {', '.join(words for _, words in QUARRELS if words)}")


@row(23, "database: its disk full; then every write fails with EIO, SQLite and PostgreSQL")
def database_disk_full(rig: Rig) -> None:
    with rig.disk(32) as disk, rig.running(database_folder=disk.mount) as run:
        run.flow()
        disk.fill()
        run.offer(45)
        told = AWAY.search(run.processors[0].log_text())
        assert told, "the processor never met the full disk"
        assert run.processors[0].is_alive
        disk.free()
        run.settle()
    rig.note(f"sqlite on a full disk: {told[1]}")
    for database, size_megabytes in (("sqlite", 32), ("postgresql", 400)):
        with (
            rig.disk(size_megabytes) as disk,
            rig.running(database=database, database_folder=disk.mount) as run,
        ):
            rig.note(f"{database} with EIO: {_survives_a_dead_disk(run, disk)}")


def _survives_a_dead_disk(run: Run, disk: Disk) -> str:
    """After a failed fsync nobody knows what is on the disk: all that used it is started anew on what is there. Returns
    what the processor said first."""
    run.flow()
    disk.break_down()
    run.offer(45)
    told = AWAY.search(run.processors[0].log_text())
    assert told, "the processor never met the dead disk"
    assert run.processors[0].is_alive
    run.processors[0].kill()
    run.engine.dispose()
    if run.postgres is not None:
        run.postgres.kill()
    disk.repair()
    if run.postgres is not None:
        run.postgres.start()
    run.processors[0].start()
    run.settle()
    return told[1]


def _was_told(run: Run, complaint: str) -> None:
    """The processor itself met the fault, or it was none."""
    assert complaint in run.processors[0].log_text(), f"the processor never said: {complaint}"


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
