"""The database that a bench's processor keeps to: the stage's SQLite file, or a PostgreSQL of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.stage import Stage
from faults.databases import Postgres


@dataclass(frozen=True, slots=True)
class Server:
    """A database server: `process_id` is the process that its others descend from."""

    url: str
    process_id: int


@contextmanager
def postgres(stage: Stage) -> Iterator[Server]:
    """A server that syncs as in production, in the stage's folder; raises CannotRun where none is installed."""
    stage.folder.chmod(0o755)  # it runs under a user of its own
    folder = stage.folder / "postgresql"
    server = Postgres(folder)
    server.make()
    try:
        yield Server(server.url(), _process_id(folder))
    finally:
        server.stop()


def _process_id(folder: Path) -> int:
    return int((folder / "data" / "postmaster.pid").read_text().split()[0])
