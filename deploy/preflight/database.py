"""What the database says: whether an API key exists, and whether its data were made under the default password."""

from collections.abc import Mapping
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import Engine, inspect, make_url

from deploy.preflight.exposure import DEFAULT_DATABASE_PASSWORD
from store import keys
from store.engine import open_engine, reading
from store.tables import api_key

DEFAULT_URL = "sqlite:///var/healthmon.db"
CONNECT_SECONDS = 10


def is_postgres(environment: Mapping[str, str]) -> bool:
    return make_url(_url(environment)).get_backend_name() == "postgresql"


def has_active_key(environment: Mapping[str, str]) -> bool:
    """Whether anyone holds a key; a database without our tables has none. Raises StoreUnavailable."""
    if not is_postgres(environment) and not Path(make_url(_url(environment)).database or "").exists():
        return False  # opening it would make the file
    engine = open_engine(_url(environment), environment.get("HEALTHMON_DATABASE_PASSWORD") or None)
    try:
        return _has_active_key(engine)
    finally:
        engine.dispose()


def _has_active_key(engine: Engine) -> bool:
    with reading(engine) as connection:
        return inspect(connection).has_table(api_key.name) and keys.any_active(connection)


def keeps_default_password(environment: Mapping[str, str]) -> bool:
    """Whether the data were made under the default password and another one is configured now.

    Raises psycopg.OperationalError when neither of them opens the database.
    """
    try:
        _connect(environment, _password(environment)).close()
    except psycopg.OperationalError:
        if _password(environment) == DEFAULT_DATABASE_PASSWORD:
            raise
        _connect(environment, DEFAULT_DATABASE_PASSWORD).close()
        return True
    return False


def replace_default_password(environment: Mapping[str, str]) -> None:
    """Give the database's user the configured password.

    PostgreSQL's image takes a password at the first start only, so a later one would lock everybody out.
    """
    with _connect(environment, DEFAULT_DATABASE_PASSWORD) as connection:
        user, password = connection.info.user, _password(environment)
        # encrypted here, so that no server log can show it
        encrypted = connection.pgconn.encrypt_password(password.encode(), user.encode(), b"scram-sha-256").decode()
        statement = sql.SQL("ALTER ROLE {} PASSWORD {}")
        connection.execute(statement.format(sql.Identifier(user), sql.Literal(encrypted)))


def _password(environment: Mapping[str, str]) -> str:
    return environment.get("HEALTHMON_DATABASE_PASSWORD") or DEFAULT_DATABASE_PASSWORD


def _connect(environment: Mapping[str, str], password: str) -> psycopg.Connection[tuple[object, ...]]:
    address = make_url(_url(environment))
    return psycopg.connect(
        host=address.host,
        port=address.port or 5432,
        user=address.username,
        dbname=address.database,
        password=password,
        connect_timeout=CONNECT_SECONDS,
    )


def _url(environment: Mapping[str, str]) -> str:
    return environment.get("HEALTHMON_DATABASE_URL") or DEFAULT_URL
