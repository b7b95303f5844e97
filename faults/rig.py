"""The rig: a broker for the whole session, and for each run a virtual host, a store, proxies, agents and processors.

    agents --[agents_road]--> broker --[processor_road]--> processor --[database_road]--> PostgreSQL (or an SQLite file)

All of it are child processes and threads of this one, in folders of its own; leaving the rig ends and removes them.
"""

import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType

from faults.broker import Broker
from faults.checker import NOTHING, Excuse, Verdict
from faults.databases import Postgres
from faults.disk import COMMAND_SECONDS, Disk
from faults.namespace import Namespace
from faults.row import ABOUT_INCIDENTS, CannotRun
from faults.run import Run

OTHER_FILE_SYSTEM = Path("/dev/shm")  # noqa: S108 - the witness writes where the agents do not


class Rig:
    """What rows get. `random` is seeded; `quick` asks for the short form of a row."""

    def __init__(self, *, seed: int, quick: bool = False) -> None:
        self.seed, self.quick = seed, quick
        self.folder = Path(tempfile.mkdtemp(prefix=_prefix("faults", os.getpid())))
        self.folder.chmod(0o755)  # PostgreSQL runs under a user of its own
        self.journals = Path(tempfile.mkdtemp(prefix=_prefix("witness", os.getpid()), dir=OTHER_FILE_SYSTEM))
        self.versions: dict[str, str] = {}
        self.begin_row("")
        self._namespace: Namespace | None = None
        self._no_namespace = ""
        self._broker: Broker | None = None
        self._runs = 0

    def __enter__(self) -> "Rig":
        namespace = Namespace(os.getpid())
        try:
            namespace.make()
            self._namespace = namespace
        except CannotRun as error:
            self._no_namespace = str(error)
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._broker is not None:
            self._broker.kill()
            self._broker.stop()
            shutil.rmtree(self._broker.folder, ignore_errors=True)
        if self._namespace is not None:
            self._namespace.remove()
        shutil.rmtree(self.journals, ignore_errors=True)
        with suppress(OSError):
            self.folder.rmdir()  # what is left in it belongs to rows that failed

    @property
    def namespace(self) -> Namespace:
        """Raises CannotRun."""
        if self._namespace is None:
            raise CannotRun(self._no_namespace)
        return self._namespace

    @contextmanager
    def running(
        self,
        *,
        agents: int = 3,
        processors: int = 1,
        database: str = "sqlite",
        in_namespace: bool = False,
        broker: Broker | None = None,
        agent_module: str = "faults.witnessed_agent",
        processor_module: str = "faults.witnessed_processor",
        settings: Mapping[str, str] | None = None,
        agent_settings: Mapping[str, str] | None = None,
        state_folder: Path | None = None,
        database_folder: Path | None = None,
        excuse: Excuse = NOTHING,
        channels: Mapping[str, str] = MappingProxyType({}),
    ) -> Iterator[Run]:
        """A whole healthmon with records flowing; whatever happens in the block, nothing of it is left running.

        `channels` are the sinks that are told everything, each with its scheme; http is the one that can be taken.
        """
        run = Run(
            folder=self._new_folder(),
            journals=self.journals,
            broker=broker or self._running_broker(),
            namespace=self.namespace if in_namespace else None,
            modules=(agent_module, processor_module),
            settings=settings or {},
            agent_settings=agent_settings or {},
            state_folder=state_folder,
            database_folder=database_folder,
            excuse=excuse,
            channels=channels,
            is_about_incidents=self._row in ABOUT_INCIDENTS,
        )
        try:
            run.start(agents, processors, self._store(database_folder or run.folder, database))
            yield run
        except BaseException as first:
            try:
                run.end()
            except Exception as second:  # noqa: BLE001 - what broke the row is what people must read
                first.add_note(f"then {second!r}")
            run.keep_journals()
            self._forget_faults()
            raise
        run.end()
        self.verdicts.extend(run.verdicts)
        run.remove()

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder for a row alone."""
        folder = self._new_folder()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def disk(self, size_megabytes: int) -> Iterator[Disk]:
        """A file system for a row alone; raises CannotRun."""
        with self.scratch() as folder:
            disk = Disk(folder, size_megabytes)
            try:
                disk.make()
                yield disk
            finally:
                disk.remove()

    @contextmanager
    def broker_on(self, folder: Path) -> Iterator[Broker]:
        """A broker for a row alone, with its data there."""
        broker = Broker(folder / "rabbitmq")
        try:
            broker.start()
            yield broker
        finally:
            broker.kill()
            broker.stop()

    def begin_row(self, number: str) -> None:
        """Each row draws from a generator of its own, so that it is the same alone and among others."""
        self._row = number
        self.random = random.Random(f"{self.seed}/{number}")  # noqa: S311 - replayable, not secret
        self.verdicts: list[Verdict] = []
        self.notes: list[str] = []
        self.databases: set[str] = set()

    def note(self, sentence: str) -> None:
        """Something the report should say of the present row."""
        self.notes.append(sentence)

    def _store(self, folder: Path, kind: str) -> Postgres | None:
        self.databases.add(kind)
        if kind == "sqlite":
            return None
        postgres = Postgres(folder / "postgresql")
        postgres.make()
        self.versions["PostgreSQL"] = postgres.version
        return postgres

    def _running_broker(self) -> Broker:
        if self._broker is None:
            bind = self._namespace.host_address if self._namespace else "127.0.0.1"
            self._broker = Broker(self.folder / "rabbitmq", bind)
            self._broker.start()
            self.versions["RabbitMQ"] = self._broker.version
        return self._broker

    def _forget_faults(self) -> None:
        """After a failed row nobody knows in what state network and broker are."""
        if self._namespace is not None:
            self._namespace.heal()
        if self._broker is not None:
            self._broker.kill()
            self._broker.stop()
            shutil.rmtree(self._broker.folder, ignore_errors=True)
        self._broker = None

    def _new_folder(self) -> Path:
        self._runs += 1
        folder = self.folder / f"run-{self._runs}"
        folder.mkdir()
        return folder


def remove_remains(process_id: int) -> list[Path]:
    """Of the rig of a dead process: its network, its disks, its journals. Returns the folders with its logs."""
    Namespace(process_id).remove()
    folders = list(Path(tempfile.gettempdir()).glob(f"{_prefix('faults', process_id)}*"))
    for mount in (line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()):
        if any(Path(mount).is_relative_to(folder) for folder in folders):
            subprocess.run(["umount", "--lazy", mount], check=False, capture_output=True, timeout=COMMAND_SECONDS)
    for journals in OTHER_FILE_SYSTEM.glob(f"{_prefix('witness', process_id)}*"):
        shutil.rmtree(journals, ignore_errors=True)
    return folders


def _prefix(purpose: str, process_id: int) -> str:
    return f"healthmon-{purpose}-{process_id}-"
