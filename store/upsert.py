"""The ways a row may meet one that is there already, alike on every database.

Statements are built once and go to the driver as they are: building one takes longer than running it for a single row,
and SQLAlchemy's preparation of many rows takes longer than the database.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Column, Connection, Dialect, Double, Table, bindparam, func, make_url, select
from sqlalchemy.dialects import postgresql, sqlite

_INSERTS: dict[str, Callable[[Table], Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}

_SQLITE = sqlite.dialect(paramstyle="qmark")
_PSYCOPG = make_url("postgresql+psycopg://").get_dialect()()

Row = Mapping[str, Any]
Converter = Callable[[Any], Any]


def insert_new(connection: Connection, table: Table, rows: Sequence[Row]) -> int:
    """Insert rows, all with the same columns in one order, whose key is not there yet; returns how many that were."""
    return _run(connection, _Insert(table, tuple(rows[0])), rows) if rows else 0


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
    if rows:
        _run(connection, _Insert(table, tuple(rows[0]), tuple(key)), rows)


@dataclass(frozen=True, slots=True)
class _Statement:
    """A statement for the driver and, in its order, the columns with what makes a value one of the driver's."""

    text: str
    converters: Sequence[tuple[str, Converter | None]]


@dataclass(frozen=True, slots=True)
class _Insert:
    """Into which columns, and what becomes of a row that is there: replaced if it has this `key`, else it stays."""

    table: Table
    columns: tuple[str, ...]
    key: tuple[str, ...] = ()


def _run(connection: Connection, insert: _Insert, rows: Sequence[Row]) -> int:
    """How many rows were written."""
    of_arrays = connection.dialect.name == "postgresql"
    statement = _of_arrays(insert) if of_arrays else _of_tuples(insert)
    columns = [_column(rows, name, of) for name, of in statement.converters]
    names = insert.columns
    parameters: Any = dict(zip(names, columns, strict=True)) if of_arrays else list(zip(*columns, strict=True))
    return connection.exec_driver_sql(statement.text, parameters).rowcount


def _column(rows: Sequence[Row], name: str, convert: Converter | None) -> list[Any]:
    values = [row[name] for row in rows]
    return [convert(value) for value in values] if convert else values


def _meeting(statement: Any, insert: _Insert) -> Any:
    if not insert.key:
        return statement.on_conflict_do_nothing()
    changed = {name: statement.excluded[name] for name in insert.columns if name not in insert.key}
    return statement.on_conflict_do_update(index_elements=insert.key, set_=changed)


@cache
def _of_arrays(insert: _Insert) -> _Statement:
    """One statement for all rows, an array for each column, sent in binary: a fraction of a statement for each row."""
    arrays = [bindparam(name, type_=postgresql.ARRAY(insert.table.c[name].type)) for name in insert.columns]
    source = func.unnest(*arrays).table_valued(*insert.columns).render_derived()
    statement = _meeting(postgresql.insert(insert.table).from_select(insert.columns, select(*source.c)), insert)
    text = str(statement.compile(dialect=_PSYCOPG))
    for name in insert.columns:
        text = text.replace(f"%({name})s", f"%({name})b")
    return _Statement(text, [(name, _converter(insert.table.c[name], _PSYCOPG)) for name in insert.columns])


@cache
def _of_tuples(insert: _Insert) -> _Statement:
    statement = _meeting(sqlite.insert(insert.table).values(dict.fromkeys(insert.columns)), insert)
    compiled = statement.compile(dialect=_SQLITE)
    return _Statement(
        str(compiled), [(name, _converter(insert.table.c[name], _SQLITE)) for name in compiled.positiontup]
    )


def _converter(column: Column[Any], dialect: Dialect) -> Converter | None:
    if isinstance(column.type, Double):
        return _float_or_none if column.nullable else float  # an array takes no whole numbers among others
    return column.type.dialect_impl(dialect).bind_processor(dialect)


def _float_or_none(value: float | None) -> float | None:
    return None if value is None else float(value)
