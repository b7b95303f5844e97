"""Opening the store, and the two ways to use it: `transaction` to write, `reading` to read.

Whatever a database does when it is away, slow, locked, full or only to be read arrives as `StoreUnavailable`.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, make_url

BUSY_TIMEOUT_SECONDS = 10
CONNECT_TIMEOUT_SECONDS = 5
STATEMENT_TIMEOUT_MS = 30_000
ABANDONED_TRANSACTION_MS = 30_000  # a frozen owner must not hold the fence for ever
# A half-open link is found within 30 s: by bytes that nobody acknowledges, a quiet one by probes.
UNACKNOWLEDGED_BYTES_MS = 15_000
PROBE_AFTER_SECONDS, PROBE_EVERY_SECONDS, MOST_PROBES = 10, 5, 3
ONLY_TO_BE_READ = "25006"  # SQLSTATE read_only_sql_transaction: a standby, or what was the primary before a failover
SQLITE_PAGE_BYTES = 8_192  # a row of up to 240 readings needs no overflow page; larger pages make small commits dear


class StoreUnavailable(Exception):
    """The database cannot do it now: keep what you have and try again later."""


def open_engine(url: str, password: str | None = None) -> Engine:
    """An engine for `sqlite:////path/to/file` or `postgresql://user@host:port/name`; nothing is connected yet.

    `password` goes before one in the URL. Raises ValueError, which never repeats the URL, when it is none of these.
    """
    try:
        address = make_url(url)
    except exc.ArgumentError:
        raise ValueError("the database is not a URL: give sqlite:////path or postgresql://user@host/name") from None
    if address.get_backend_name() not in _OPENERS:
        raise ValueError(f"the database {address.drivername!r} is unknown: known are {', '.join(_OPENERS)}")
    return _OPENERS[address.get_backend_name()](address.set(password=password) if password else address)


def transaction(engine: Engine) -> AbstractContextManager[Connection]:
    """One transaction that writes: committed at the end of the block, rolled back by any exception."""
    return _translating(engine.execution_options(writes=True))


def reading(engine: Engine) -> AbstractContextManager[Connection]:
    """One transaction that only reads."""
    return _translating(engine)


@contextmanager
def _translating(engine: Engine) -> Iterator[Connection]:
    try:
        with engine.begin() as connection:
            yield connection
    except (exc.OperationalError, exc.InterfaceError) as error:
        raise StoreUnavailable(_sentence(engine, error.orig)) from error
    except exc.TimeoutError as error:
        raise StoreUnavailable(_sentence(engine, "all of this program's connections are in use")) from error
    except exc.DBAPIError as error:
        is_read_only = getattr(error.orig, "sqlstate", None) == ONLY_TO_BE_READ
        if is_read_only:
            engine.dispose()  # at the next try the address may lead to the new primary
        elif not error.connection_invalidated:
            raise
        raise StoreUnavailable(_sentence(engine, error.orig)) from error


def _sentence(engine: Engine, cause: object) -> str:
    first_line = (str(cause).splitlines() or ["no reason given"])[0]
    url = engine.url
    address = URL.create(url.get_backend_name(), url.username, None, url.host, url.port, url.database)
    reason = first_line.replace(url.password, "***") if url.password else first_line
    return f"the store {address} is unavailable: {reason}"


def _open_sqlite(address: URL) -> Engine:
    if address.database in (None, "", ":memory:"):
        raise ValueError("the SQLite database has no file: give sqlite:////path/to/file")
    arguments = {"timeout": BUSY_TIMEOUT_SECONDS, "isolation_level": None}
    engine = create_engine(address, connect_args=arguments, hide_parameters=True)
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(driver_connection: Any, _record: object) -> None:
    # WAL with synchronous=NORMAL loses commits when the power goes
    for pragma in (f"page_size={SQLITE_PAGE_BYTES}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        driver_connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # a transaction that starts as a reader fails instead of waiting when it turns into a writer
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _open_postgresql(address: URL) -> Engine:
    settings = {
        "synchronous_commit": "on",
        "statement_timeout": STATEMENT_TIMEOUT_MS,
        "idle_in_transaction_session_timeout": ABANDONED_TRANSACTION_MS,
    }
    arguments = {
        "connect_timeout": CONNECT_TIMEOUT_SECONDS,
        "tcp_user_timeout": UNACKNOWLEDGED_BYTES_MS,
        "keepalives": 1,
        "keepalives_idle": PROBE_AFTER_SECONDS,
        "keepalives_interval": PROBE_EVERY_SECONDS,
        "keepalives_count": MOST_PROBES,
        "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
        "application_name": "healthmon",
    }
    return create_engine(
        address.set(drivername="postgresql+psycopg"), connect_args=arguments, pool_pre_ping=True, hide_parameters=True
    )


_OPENERS: dict[str, Callable[[URL], Engine]] = {"sqlite": _open_sqlite, "postgresql": _open_postgresql}
