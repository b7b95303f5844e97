"""The two ways a row may meet one that is there already, alike on every database."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

_INSERTS: dict[str, Callable[[Table], Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}

Row = Mapping[str, Any]


def insert_new(connection: Connection, table: Table, rows: Sequence[Row]) -> int:
    """Insert the rows whose key is not there yet; returns how many that were."""
    if not rows:
        return 0
    statement = _INSERTS[connection.dialect.name](table).on_conflict_do_nothing()
    # without the option the count of many rows is not to be had from PostgreSQL
    return connection.execute(statement.execution_options(preserve_rowcount=True), rows).rowcount


def upsert(connection: Connection, table: Table, key: Sequence[str], rows: Sequence[Row]) -> None:
    """Insert rows, all with the same columns, or replace those columns where `key` is there already."""
    if not rows:
        return
    statement = _INSERTS[connection.dialect.name](table)
    changed = {name: statement.excluded[name] for name in rows[0] if name not in key}
    connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=changed), rows)
