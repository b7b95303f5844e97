"""Making the tables, and refusing to work without them."""

import subprocess
import sys

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, text

from store.engine import open_engine, reading, transaction
from store.migrate import SchemaNotCurrent, migrate, require_current
from store.response_tables import metadata

MIGRATE = """
import sys
from store.engine import open_engine
from store.migrate import migrate
migrate(open_engine(sys.argv[1]))
"""


def test_two_programs_migrate_at_once(empty_url: str) -> None:
    programs = [subprocess.Popen([sys.executable, "-c", MIGRATE, empty_url], stderr=subprocess.PIPE) for _ in range(3)]
    errors = [program.communicate(timeout=60)[1].decode() for program in programs]
    assert errors == ["", "", ""]
    engine = open_engine(empty_url)
    require_current(engine)
    engine.dispose()


def test_an_empty_database_is_refused_with_the_command_that_mends_it(empty_url: str) -> None:
    engine = open_engine(empty_url)
    with pytest.raises(SchemaNotCurrent, match=r"version none.*needs 0006.*`python -m processor migrate`"):
        require_current(engine)
    engine.dispose()


def test_another_version_is_refused(store_engine: Engine) -> None:
    require_current(store_engine)
    with transaction(store_engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaNotCurrent, match="version 9999"):
        require_current(store_engine)


def test_migrating_again_keeps_what_is_there(store_engine: Engine) -> None:
    with transaction(store_engine) as connection:
        connection.execute(text("UPDATE fence SET epoch = 7"))
    migrate(store_engine)
    with reading(store_engine) as connection:
        assert connection.execute(text("SELECT epoch FROM fence")).scalars().all() == [7]


def test_migrations_make_exactly_the_tables_in_the_code(store_engine: Engine) -> None:
    with reading(store_engine) as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
