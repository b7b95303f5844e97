"""The stores of the rig: an SQLite file, or a PostgreSQL of our own that syncs as in production."""

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import psycopg

from deploy.local.broker import DIES_WITH_PARENT, LOOPBACK
from faults.ports import claim_ports
from faults.row import CannotRun
from tests.waiting import wait_for

START_SECONDS = 60
STOP_SECONDS = 60


class Postgres:
    """A private server with an empty database `store`; ended with this process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._binaries = _binaries()
        (self.port,) = claim_ports(1)
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, port: int | None = None) -> str:
        """Straight, or through a proxy on `port`."""
        return f"postgresql://healthmon@{LOOPBACK}:{port or self.port}/store"

    def make(self) -> None:
        """Initialise, start, create the database."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            owner = pwd.getpwnam("postgres")
            os.chown(self._folder, owner.pw_uid, owner.pw_gid)
        options = ["-D", str(self._folder / "data"), "-U", "healthmon", "-A", "trust", "-E", "UTF8", "--locale=C"]
        subprocess.run(
            [*_as_owner(), str(self._binaries / "initdb"), *options],
            check=True,
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
        )
        self.start()
        with psycopg.connect(self._maintenance_url, autocommit=True) as connection:
            connection.execute("CREATE DATABASE store")

    def start(self, **settings: str) -> None:
        """Return when it answers; `settings` as in postgresql.conf."""
        chosen = {"listen_addresses": LOOPBACK, "port": str(self.port), "unix_socket_directories": str(self._folder)}
        arguments = [part for name, value in (chosen | settings).items() for part in ("-c", f"{name}={value}")]
        command = [*DIES_WITH_PARENT[:-1], *_as_owner()[1:], str(self._binaries / "postgres")]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "-D", str(self._folder / "data"), *arguments],
                cwd=self._folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_for(self._answers, "PostgreSQL answers", within_seconds=START_SECONDS)

    def stop(self) -> None:
        """In good order, with whoever is connected sent away."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """All of it dies at once, as PostgreSQL does it itself: SIGQUIT, recovery at the next start."""
        self._end(signal.SIGQUIT)

    @property
    def version(self) -> str:
        with psycopg.connect(self._maintenance_url) as connection:
            return str(connection.info.server_version // 10000)

    @property
    def _maintenance_url(self) -> str:
        return f"postgresql://healthmon@{LOOPBACK}:{self.port}/postgres"

    def _answers(self) -> bool:
        try:
            psycopg.connect(self._maintenance_url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)
            self._process.wait(STOP_SECONDS)


def _binaries() -> Path:
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    if installed:
        return installed[-1]
    found = shutil.which("initdb")
    if found is None:
        raise CannotRun("PostgreSQL is not installed")
    return Path(found).parent


def _as_owner() -> Sequence[str]:
    if os.geteuid() != 0:
        return ["setpriv", "--"]
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
