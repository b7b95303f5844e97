"""What the benches run on: a private broker that is set up, and programs as child processes that end with the bench."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from deploy.local.broker import BrokerPlan, BrokerPorts, PrivateBroker, free_ports
from rabbitmq.connection import BrokerAddress
from rabbitmq.declare import declare_topology
from rabbitmq.management import Management

STOP_SECONDS = 15


class Stage:
    """A scratch folder with a broker; `start` runs one of our programs against it."""

    def __init__(self, folder: Path) -> None:
        amqp, management, epmd, distribution = free_ports(4)
        ports = BrokerPorts(amqp=amqp, management=management, epmd=epmd, distribution=distribution)
        self.folder = folder
        self.broker = PrivateBroker(BrokerPlan(folder / "rabbitmq", ports))
        self.address = BrokerAddress("127.0.0.1", amqp, "guest", "guest")
        self.management = Management("127.0.0.1", management, "guest", "guest")
        self.database_url = f"sqlite:///{folder / 'healthmon.db'}"
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, *module_and_arguments: str, **settings: str) -> int:
        """`python -m ...` with the stage's settings; returns its process id."""
        process = subprocess.Popen([sys.executable, "-m", *module_and_arguments], env=self._environment(settings))
        self._started.append(process)
        return process.pid

    def start_program(self, command: Sequence[str]) -> int:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._started.append(process)
        return process.pid

    def run(self, *module_and_arguments: str, **settings: str) -> None:
        subprocess.run([sys.executable, "-m", *module_and_arguments], env=self._environment(settings), check=True)

    def stop_all(self) -> None:
        for process in reversed(self._started):
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._started.clear()

    def _environment(self, settings: Mapping[str, str]) -> dict[str, str]:
        return {
            **os.environ,
            "LOG_LEVEL": "ERROR",
            "HEALTHMON_DATABASE_URL": self.database_url,
            "HEALTHMON_RABBITMQ_PORT": str(self.address.port),
            "HEALTHMON_RABBITMQ_USER": self.address.user,
            "HEALTHMON_RABBITMQ_PASSWORD": self.address.password,
            "HEALTHMON_STATE_DIR": str(self.folder / "agent"),
            **settings,
        }


@contextmanager
def stage() -> Iterator[Stage]:
    with tempfile.TemporaryDirectory(prefix="healthmon-bench-") as folder:
        standing = Stage(Path(folder))
        standing.broker.start()
        try:
            declare_topology(standing.management)
            yield standing
        finally:
            standing.stop_all()
            standing.broker.stop()
