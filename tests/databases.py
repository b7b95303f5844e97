"""Fixtures that give each test its own store: an SQLite file, or a database on a private PostgreSQL."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Engine

from store.engine import open_engine
from store.migrate import migrate
from tests.containers import POSTGRES_IMAGE, engine_has, postgres_container

START_SECONDS = 30
STOP_SECONDS = 30


@dataclass(frozen=True)
class PostgresServer:
    """A PostgreSQL of our own, with an empty `postgres` and a migrated `template_store` database.

    `address` is user, password if any, host and port, as they stand in a URL.
    """

    address: str
    _numbers: Iterator[int] = field(default_factory=count)

    def url(self, database: str) -> str:
        return f"postgresql://{self.address}/{database}"

    @contextmanager
    def database(self, template: str = "template_store") -> Iterator[str]:
        """The URL of a fresh copy of `template`, dropped in the end with whoever is connected still."""
        name = f"store_{next(self._numbers)}"
        self.run("CREATE DATABASE {} TEMPLATE {}", name, template)
        yield self.url(name)
        self.run("DROP DATABASE {} WITH (FORCE)", name)

    def run(self, statement: str, *names: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The image of docker-compose.yml where a Docker engine has it, else a private process."""
    with _container_or_process() as server:
        server.run("CREATE DATABASE {}", "template_store")
        _migrate(server.url("template_store"))
        yield server


@contextmanager
def _container_or_process() -> Iterator[PostgresServer]:
    if engine_has(POSTGRES_IMAGE):
        with postgres_container() as url:
            yield PostgresServer(url.removeprefix("postgresql://").rpartition("/")[0])
        return
    binaries = _postgres_binaries()
    if binaries is None:
        message = "PostgreSQL is not installed: neither /usr/lib/postgresql/*/bin nor the PATH has initdb"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    folder = Path(tempfile.mkdtemp(prefix="healthmon-postgres-"))
    try:
        with _running(binaries, folder) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "template.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a migrated, empty store; the test runs once for each kind of database."""
    if request.param == "sqlite":
        path = tmp_path / "store.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
    else:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        with server.database() as url:
            yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without tables; the test runs once for each kind of database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/empty.db"
    else:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        with server.database("template1") as url:
            yield url


@pytest.fixture
def store_engine(store_url: str) -> Iterator[Engine]:
    """An engine on a migrated, empty store; the test runs once for each kind of database."""
    engine = open_engine(store_url)
    yield engine
    engine.dispose()


def _migrate(url: str) -> None:
    engine = open_engine(url)
    migrate(engine)
    engine.dispose()


def _postgres_binaries() -> Path | None:
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    if installed:
        return installed[-1]
    found = shutil.which("initdb")
    return Path(found).parent if found else None


@contextmanager
def _running(binaries: Path, folder: Path) -> Iterator[PostgresServer]:
    data, port = folder / "data", _free_port()
    prefix: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        owner = pwd.getpwnam("postgres")
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        prefix = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
    options = ["-D", str(data), "-U", "healthmon", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
    subprocess.run([*prefix, str(binaries / "initdb"), *options], check=True, cwd=folder, stdout=subprocess.DEVNULL)
    settings = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": folder, "fsync": "off"}
    arguments = [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]
    # the server ends with the tests, even if those are killed
    command = ["setpriv", "--pdeathsig=INT", *prefix[1:], str(binaries / "postgres"), "-D", str(data), *arguments]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, cwd=folder, stdout=log, stderr=log) as process:
        try:
            _wait_until_ready(process, port, folder / "log")
            yield PostgresServer(f"healthmon@127.0.0.1:{port}")
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(STOP_SECONDS)


def _wait_until_ready(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            psycopg.connect(f"postgresql://healthmon@127.0.0.1:{port}/postgres", connect_timeout=2).close()
            return
        except psycopg.OperationalError:
            time.sleep(0.05)
    pytest.fail(f"PostgreSQL did not start:\n{log.read_text(errors='replace')}")


def _free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port: int = server.getsockname()[1]
    return port
