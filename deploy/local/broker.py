"""A private RabbitMQ: Debian's package run as an ordinary child process, apart from any system broker.

    epmd (names, 127.0.0.1) <- beam.smp (the broker: AMQP, management, distribution, all on 127.0.0.1)

Both are direct children that run in the foreground and die with their parent, so a process id is enough to stop them.
"""

import errno
import http.client
import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = Path("/usr/lib/rabbitmq/bin")
SHARED_CONFIG = Path(__file__).parents[2] / "rabbitmq" / "rabbitmq.conf"
LOOPBACK = "127.0.0.1"
EVERYWHERE = "0.0.0.0"  # noqa: S104 - compared with, never a default
LOG_FILE = "healthmon.log"
NODE_NAME = "healthmon@localhost"  # the data folder carries it: a host name may change or not resolve
PLUGINS = "[rabbitmq_management, rabbitmq_event_exchange].\n"  # as in the container, less the Prometheus port
START_SECONDS = 90
STOP_SECONDS = 30
DIES_WITH_PARENT = ("setpriv", "--pdeathsig", "KILL", "--")


class BrokerFailed(Exception):
    """The broker did not become usable; the message holds the end of its output."""


@dataclass(frozen=True, slots=True)
class BrokerPorts:
    """The four TCP ports of one broker, all on 127.0.0.1."""

    amqp: int
    management: int
    epmd: int
    distribution: int


def is_installed() -> bool:
    return (PROGRAMS / "rabbitmq-server").exists() and shutil.which("epmd") is not None


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, below the range the kernel hands to outgoing connections."""
    found: set[int] = set()
    while len(found) < count:
        port = random.randrange(20000, 32000)  # noqa: S311 - not a secret
        if is_free(port):
            found.add(port)
    return list(found)


def is_free(port: int, address: str = LOOPBACK) -> bool:
    """Whether nobody listens there. Raises OSError when this process could not either, whoever listens."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True


@dataclass(frozen=True, slots=True)
class BrokerPlan:
    """Where a private broker lives; gives the files, the environment and the commands to run it."""

    folder: Path
    ports: BrokerPorts
    bind: str = LOOPBACK  # AMQP listens there too, for agents on other hosts

    def prepare(self) -> None:
        """Write the configuration; data of earlier runs stays."""
        for part in ("data", "log"):
            (self.folder / part).mkdir(mode=0o700, parents=True, exist_ok=True)
        (self.folder / "rabbitmq.conf").write_text(SHARED_CONFIG.read_text() + self._own_config())
        (self.folder / "enabled_plugins").write_text(PLUGINS)

    def _own_config(self) -> str:
        addresses = [self.bind] if self.bind in {LOOPBACK, EVERYWHERE} else [LOOPBACK, self.bind]
        lines = [
            *(f"listeners.tcp.{number} = {address}:{self.ports.amqp}" for number, address in enumerate(addresses, 1)),
            f"management.tcp.ip = {LOOPBACK}",
            f"management.tcp.port = {self.ports.management}",
            f"log.file = {LOG_FILE}",
            "log.file.level = info",
            "log.file.rotation.size = 10485760",
            "log.file.rotation.count = 3",
        ]
        return "\n" + "\n".join(lines) + "\n"

    def environment(self) -> dict[str, str]:
        """Nothing is inherited but PATH: no system-wide RabbitMQ setting and no secret of ours gets in."""
        folder = self.folder.absolute()
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "HOME": str(folder),  # Erlang keeps its cookie there
            "RABBITMQ_NODENAME": NODE_NAME,
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_CONFIG_FILES": str(folder / "no-more.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "no-advanced.config"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "no-env.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_DIST_PORT": str(self.ports.distribution),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "ERL_EPMD_PORT": str(self.ports.epmd),
            "ERL_EPMD_ADDRESS": LOOPBACK,
            "ERL_CRASH_DUMP": str(folder / "log" / "erl_crash.dump"),
            # the start script then becomes the broker instead of waiting for it: its process id is the broker's
            "RUNNING_UNDER_SYSTEMD": "true",
        }

    def epmd_command(self) -> list[str]:
        return ["epmd", "-port", str(self.ports.epmd), "-address", LOOPBACK]

    def server_command(self) -> list[str]:
        return [str(PROGRAMS / "rabbitmq-server")]

    def epmd_is_usable(self) -> bool:
        return _accepts(self.ports.epmd)

    def broker_is_usable(self) -> bool:
        """Whether AMQP and the management API answer: the last steps of the broker's start."""
        return _accepts(self.ports.amqp) and _answers_http(self.ports.management)


def _accepts(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True


def _answers_http(port: int) -> bool:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=5)
    try:
        connection.request("GET", "/api/overview")
        return connection.getresponse().status in {200, 401}
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


class PrivateBroker:
    """One broker and its epmd as children of this process.

    Call it from a thread that lives as long as the broker shall: the kernel ends a child with the thread that made it.
    """

    def __init__(self, plan: BrokerPlan) -> None:
        self.plan = plan
        self._epmd: subprocess.Popen[bytes] | None = None
        self._server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Return when clients can log in; raises BrokerFailed. Data of an earlier start is there again."""
        self.plan.prepare()
        if self._epmd is None or self._epmd.poll() is not None:
            self._epmd = self._spawn(self.plan.epmd_command())
            self._wait(self._epmd, self.plan.epmd_is_usable)
        self._server = self._spawn(self.plan.server_command())
        self._wait(self._server, self.plan.broker_is_usable)

    def stop(self) -> None:
        """End the broker in good order, then epmd; nothing is left."""
        for process in (self._server, self._epmd):
            if process is not None:
                _end(process)

    def kill(self) -> None:
        """The broker's sudden death (SIGKILL); epmd stays for the next start."""
        if self._server is not None:
            self._server.kill()
            self._server.wait(STOP_SECONDS)

    @property
    def process_id(self) -> int:
        """Of the broker itself."""
        if self._server is None:
            raise BrokerFailed("the broker was never started")
        return self._server.pid

    def ctl(self, *arguments: str) -> str:
        """What `rabbitmqctl` prints; raises subprocess.CalledProcessError."""
        command = [str(PROGRAMS / "rabbitmqctl"), *arguments]
        done = subprocess.run(
            command, env=self.plan.environment(), stdout=subprocess.PIPE, text=True, check=True, timeout=60
        )
        return done.stdout

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        with self._console.open("ab") as console:
            return subprocess.Popen(
                [*DIES_WITH_PARENT, *command],
                env=self.plan.environment(),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in a terminal is for the parent, which stops us in order
            )

    def _wait(self, process: subprocess.Popen[bytes], usable: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not usable():
            if process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise BrokerFailed(f"{process.args!r} is not usable:\n{self._console.read_text()[-4000:]}")
            time.sleep(0.1)

    @property
    def _console(self) -> Path:
        return self.plan.folder / "log" / "console.log"


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_SECONDS)
