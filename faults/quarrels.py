"""How a PostgreSQL treats a writer badly without being away: each function does so once, to the transaction in hand.

A transaction in hand holds the fence; it is met where it wants the table `snapshot` next.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import LiteralString

import psycopg

from tests.waiting import wait_for

Session = psycopg.Connection[tuple[object, ...]]

_HOLDS_FENCE_WANTS_SNAPSHOT = """
SELECT waits.pid FROM pg_locks waits JOIN pg_locks holds USING (pid)
WHERE NOT waits.granted AND waits.relation = 'snapshot'::regclass
AND holds.granted AND holds.relation = 'fence'::regclass
"""
_WANTS_ROW = "SELECT pid FROM pg_locks WHERE NOT granted AND locktype IN ('transactionid', 'tuple')"
_SLEEPS = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
_SLOW = """
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(2); RETURN NULL; END';
CREATE TRIGGER slow BEFORE INSERT ON snapshot FOR EACH STATEMENT EXECUTE FUNCTION slow();
"""
_END_SESSIONS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'healthmon'"
SLOW_SECONDS = 20.0


def slow(url: str) -> None:
    """Each insert takes two seconds, for a while."""
    with psycopg.connect(url, autocommit=True) as session:
        session.execute(_SLOW)
        _await(session, _SLEEPS)
        time.sleep(SLOW_SECONDS)  # the slowness itself
        session.execute("DROP FUNCTION slow CASCADE")


def deadlock(url: str) -> None:
    """Two transactions wait for each other; the one in hand finds out first and is the victim."""
    with psycopg.connect(url) as session:
        session.execute("SET deadlock_timeout = '1h'")
        _meet(session)
        session.execute("SELECT epoch FROM fence FOR UPDATE")


def session_ended(url: str) -> None:
    """An administrator ends the session of the transaction in hand."""
    with psycopg.connect(url) as session:
        session.execute("SELECT pg_terminate_backend(%s)", (_meet(session),))


def conflict(url: str) -> None:
    """Where transactions are repeatable, one that meets a newer row cannot go on."""
    with _repeatable(url), psycopg.connect(url) as session:
        session.execute("UPDATE fence SET owner = owner")
        _await(session, _WANTS_ROW)


@contextmanager
def _repeatable(url: str) -> Iterator[None]:
    """For the sessions that begin meanwhile."""
    with psycopg.connect(url, autocommit=True) as session:
        session.execute("ALTER ROLE healthmon SET default_transaction_isolation = 'repeatable read'")
        session.execute(_END_SESSIONS)
        yield
        session.execute("ALTER ROLE healthmon RESET default_transaction_isolation")


def _meet(session: Session) -> int:
    """Returns the other session's number."""
    session.execute("LOCK TABLE snapshot IN ACCESS EXCLUSIVE MODE")
    return _await(session, _HOLDS_FENCE_WANTS_SNAPSHOT)


def _await(session: Session, query: LiteralString) -> int:
    (process_id,) = wait_for(lambda: session.execute(query).fetchone(), f"an answer to {query.strip()}")
    return int(str(process_id))
