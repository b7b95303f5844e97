"""The ways a row may meet one that is there already, alike on every database.

Statements are built once: building one takes longer than running it for a single row.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Column, Connection, Table, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite

_INSERTS: dict[str, Callable[[Table], Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}

Row = Mapping[str, Any]


def insert_new(connection: Connection, table: Table, rows: Sequence[Row]) -> int:
    """Insert the rows whose key is not there yet; returns how many that were."""
    if not rows:
        return 0
    return connection.execute(_insert_new(connection.dialect.name, table), rows).rowcount


def insert_new_returning(
    connection: Connection, table: Table, rows: Sequence[Row], columns: Sequence[Column[Any]]
) -> Sequence[Any]:
    """Insert the rows whose key is not there yet; returns `columns` of those, in no order."""
    statement = _INSERTS[connection.dialect.name](table).on_conflict_do_nothing().returning(*columns)
    return connection.execute(statement, rows).all()


def upsert(connection: Connection, table: Table, key: Sequence[str], rows: Sequence[Row]) -> None:
    """Insert rows, all with the same columns in one order, or replace those columns where `key` is there already.

    No two rows may have one key.
    """
    if not rows:
        return
    columns = tuple(rows[0])
    if connection.dialect.name == "postgresql":
        connection.execute(_upsert_arrays(table, tuple(key), columns), _arrays(rows, columns))
    else:
        statement, prepared = _upsert_tuples(table, tuple(key), columns)
        connection.exec_driver_sql(statement, [prepared(row) for row in rows])


@cache
def _insert_new(database: str, table: Table) -> Any:
    # without the option the count of many rows is not to be had from PostgreSQL
    return _INSERTS[database](table).on_conflict_do_nothing().execution_options(preserve_rowcount=True)


def _replacing(statement: Any, key: tuple[str, ...], columns: tuple[str, ...]) -> Any:
    changed = {name: statement.excluded[name] for name in columns if name not in key}
    return statement.on_conflict_do_update(index_elements=key, set_=changed)


@cache
def _upsert_arrays(table: Table, key: tuple[str, ...], columns: tuple[str, ...]) -> Any:
    """One statement for all rows, an array for each column: half the time of a statement for each row."""
    arrays = [bindparam(name, type_=postgresql.ARRAY(table.c[name].type)) for name in columns]
    source = func.unnest(*arrays).table_valued(*columns).render_derived()
    return _replacing(postgresql.insert(table).from_select(columns, select(*source.c)), key, columns)


def _arrays(rows: Sequence[Row], columns: tuple[str, ...]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in columns}


@cache
def _upsert_tuples(
    table: Table, key: tuple[str, ...], columns: tuple[str, ...]
) -> tuple[str, Callable[[Row], tuple[Any, ...]]]:
    """The statement, and what makes a row its parameters: SQLAlchemy's own preparation takes longer than SQLite."""
    dialect = sqlite.dialect(paramstyle="qmark")
    compiled = _replacing(sqlite.insert(table).values(dict.fromkeys(columns)), key, columns).compile(dialect=dialect)
    order = tuple(compiled.positiontup)
    converters = [(order.index(name), of) for name in columns if (of := table.c[name].type.bind_processor(dialect))]

    def prepared(row: Row) -> tuple[Any, ...]:
        values = [row[name] for name in order]
        for place, of in converters:
            values[place] = of(values[place])
        return tuple(values)

    return str(compiled), prepared
