"""Bringing a database's tables to this program's version, and refusing to work on any other version."""

from sqlalchemy import Connection, Engine, inspect, text

from store.engine import reading, transaction
from store.tables import SCHEMA_VERSION

_ADVISORY_LOCK = 0x6865616C74680001  # any number no other program on this server uses


class SchemaNotCurrent(Exception):
    """The tables are missing, older or newer: the message says which command mends it."""


def migrate(engine: Engine) -> None:
    """Bring the tables to this program's version, all of it or nothing. Twice, or by two programs at once, is harmless.

    Raises StoreUnavailable.
    """
    # alembic takes longer to import than everything else here together, and only this needs it
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "store:migrations")
    with transaction(engine) as connection:
        _wait_for_other_migrations(connection)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def require_current(engine: Engine) -> None:
    """Raises SchemaNotCurrent unless the tables are of this program's version, and StoreUnavailable."""
    with reading(engine) as connection:
        found = _version(connection)
    if found != SCHEMA_VERSION:
        raise SchemaNotCurrent(
            f"the database has tables of version {found or 'none'}, this program needs {SCHEMA_VERSION}: "
            "run `python -m processor migrate` of this release, then start again"
        )


def _wait_for_other_migrations(connection: Connection) -> None:
    # SQLite needs no more than its one writer at a time
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found
