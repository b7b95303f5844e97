"""A database that is away, locked or lost in between: one error, no secret, and it works again afterwards."""

import os
import socket
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine, exc, text

from store import fence
from store.engine import StoreUnavailable, open_engine, reading, transaction
from store.ingest import keep_batch
from tests.contract.store.builders import NOW_MS, batch, snapshot
from tests.databases import PostgresServer

PROBING = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)


def test_commits_are_durable(store_engine: Engine) -> None:
    query = "PRAGMA synchronous" if store_engine.name == "sqlite" else "SHOW synchronous_commit"
    with reading(store_engine) as connection:
        assert connection.execute(text(query)).scalar() == {"sqlite": 2, "postgresql": "on"}[store_engine.name]


def test_a_mistake_in_the_program_is_not_called_unavailable(store_engine: Engine) -> None:
    duplicate = text("INSERT INTO fence (one, epoch, owner, claimed_ms) VALUES (1, 1, '', 1)")
    with pytest.raises(exc.IntegrityError), transaction(store_engine) as connection:
        connection.execute(duplicate)


def test_sqlite_without_its_folder_is_unavailable(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/missing/store.db")
    with pytest.raises(StoreUnavailable, match=r"missing/store\.db is unavailable: unable to open"), reading(engine):
        pass


def test_a_locked_sqlite_is_unavailable_to_writers_only(sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.engine.BUSY_TIMEOUT_SECONDS", 0)
    engine, other = (open_engine(f"sqlite:///{sqlite_template}") for _ in range(2))
    with transaction(other) as connection:
        with pytest.raises(StoreUnavailable, match="database is locked"), transaction(engine):
            pass
        with reading(engine) as reader:
            assert reader.execute(text("SELECT epoch FROM fence")).scalar() == 0
        connection.rollback()
    engine.dispose()
    other.dispose()


def test_an_absent_postgresql_is_unavailable_and_no_secret_is_told() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
    engine = open_engine(f"postgresql://healthmon@127.0.0.1:{port}/store", password="hunter2")
    with pytest.raises(StoreUnavailable, match="is unavailable") as caught, reading(engine):
        pass
    assert f"postgresql://healthmon@127.0.0.1:{port}/store" in str(caught.value)
    assert "hunter2" not in f"{caught.value!r} {caught.value.__cause__!r} {engine!r}"


def _lose_connection(engine: Engine) -> None:
    with transaction(engine) as connection:
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar()
        with reading(engine) as other:
            other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        connection.execute(text("SELECT 1"))


def test_a_lost_connection_is_unavailable_and_the_next_one_works(postgres_server: PostgresServer) -> None:
    with postgres_server.database() as url:
        engine = open_engine(url)
        epoch = fence.claim(engine, "processor-1", NOW_MS)
        with pytest.raises(StoreUnavailable):
            _lose_connection(engine)
        assert keep_batch(engine, batch(snapshots=[snapshot()]), epoch).new_records == 1
        engine.dispose()


def test_a_connection_lost_while_idle_is_not_noticed(postgres_server: PostgresServer) -> None:
    with postgres_server.database() as url:
        engine, other = open_engine(url), open_engine(url)
        with reading(engine) as connection:
            pid = connection.execute(text("SELECT pg_backend_pid()")).scalar()
        with reading(other) as connection:
            connection.execute(text("SELECT pg_terminate_backend(:pid, 10000)"), {"pid": pid})
        assert fence.claim(engine, "processor-1", NOW_MS) == 1
        engine.dispose()
        other.dispose()


def test_a_postgresql_without_free_connections_is_unavailable(
    postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgres_server.database() as url:
        engine = open_engine(url)
        monkeypatch.setattr(engine.pool, "_timeout", 0)
        held = [engine.connect() for _ in range(15)]
        with pytest.raises(StoreUnavailable, match="all of this program's connections"), reading(engine):
            pass
        for connection in held:
            connection.close()
        engine.dispose()


def test_a_half_open_link_to_postgresql_is_found_within_30_seconds(postgres_server: PostgresServer) -> None:
    engine = open_engine(postgres_server.url("template_store"))
    with reading(engine) as connection:
        number = os.dup(connection.connection.driver_connection.fileno())  # type: ignore[union-attr]
        with socket.socket(fileno=number) as link:
            seconds = [link.getsockopt(socket.IPPROTO_TCP, option) for option in PROBING]
            assert link.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert link.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) <= 30_000
    engine.dispose()
    idle, interval, count = seconds
    assert idle + interval * count <= 30


def test_a_database_that_may_only_be_read_is_unavailable_until_it_takes_rows_again(store_engine: Engine) -> None:
    """After a failover the old address leads to a standby for a while."""
    keep_batch(store_engine, batch(), fence.claim(store_engine, "here", NOW_MS))
    only = "PRAGMA query_only = 1" if store_engine.name == "sqlite" else "SET TRANSACTION READ ONLY"
    with pytest.raises(StoreUnavailable, match=r"read-?only"), transaction(store_engine) as connection:  # noqa: PT012
        connection.execute(text(only))
        connection.execute(text("UPDATE fence SET epoch = 7"))
    store_engine.dispose()
    assert fence.claim(store_engine, "here", NOW_MS) == 2
