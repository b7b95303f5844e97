"""The two ways a row may meet one that is there already, alike on every database.

Statements are built once: building one takes longer than running it for a single row.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

_INSERTS: dict[str, Callable[[Table], Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}

Row = Mapping[str, Any]


def insert_new(connection: Connection, table: Table, rows: Sequence[Row]) -> int:
    """Insert the rows whose key is not there yet; returns how many that were."""
    if not rows:
        return 0
    return connection.execute(_insert_new(connection.dialect.name, table), rows).rowcount


def upsert(connection: Connection, table: Table, key: Sequence[str], rows: Sequence[Row]) -> None:
    """Insert rows, all with the same columns, or replace those columns where `key` is there already."""
    if rows:
        connection.execute(_upsert(connection.dialect.name, table, tuple(key), tuple(rows[0])), rows)


@cache
def _insert_new(database: str, table: Table) -> Any:
    # without the option the count of many rows is not to be had from PostgreSQL
    return _INSERTS[database](table).on_conflict_do_nothing().execution_options(preserve_rowcount=True)


@cache
def _upsert(database: str, table: Table, key: tuple[str, ...], columns: tuple[str, ...]) -> Any:
    statement = _INSERTS[database](table)
    changed = {name: statement.excluded[name] for name in columns if name not in key}
    return statement.on_conflict_do_update(index_elements=key, set_=changed)
