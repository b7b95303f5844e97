"""The database's address: what it may be, and that it keeps its secret."""

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from store.engine import open_engine
from store.tables import SCHEMA_VERSION


def test_postgresql_goes_through_psycopg_with_the_password_given_apart() -> None:
    engine = open_engine("postgresql://healthmon:old@db:5433/health", password="p@ss/w:rd")
    _, arguments = engine.dialect.create_connect_args(engine.url)
    assert engine.driver == "psycopg"
    assert {name: arguments[name] for name in ("host", "port", "dbname", "user", "password")} == {
        "host": "db",
        "port": 5433,
        "dbname": "health",
        "user": "healthmon",
        "password": "p@ss/w:rd",
    }
    assert "p@ss/w:rd" not in repr(engine)


def test_a_password_in_the_address_is_used_when_none_is_given_apart() -> None:
    assert open_engine("postgresql://healthmon:secret@db/health").url.password == "secret"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("secret words", "is not a URL"),
        ("mysql://u:secret@h/x", "'mysql' is unknown: known are sqlite, postgresql"),
        ("sqlite://", "has no file"),
        ("sqlite:///:memory:", "has no file"),
    ],
)
def test_another_address_is_refused_without_telling_it(url: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        open_engine(url)
    assert "secret" not in str(caught.value)


def test_the_version_in_the_code_is_that_of_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", "store:migrations")
    assert ScriptDirectory.from_config(config).get_heads() == [SCHEMA_VERSION]
