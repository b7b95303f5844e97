"""Where the local stack keeps its state, on which ports it listens, and what each of its programs is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from configuration.addresses import is_loopback
from deploy.local.broker import EVERYWHERE, LOOPBACK, BrokerPlan, BrokerPorts, is_free
from deploy.preflight.exposure import bind_address
from rabbitmq.setup import PASSWORD_VARIABLES

ROOT = Path(__file__).parents[2]
DEFAULT_PORTS = {
    "HEALTHMON_PORT": (8000, "the help desk"),
    "HEALTHMON_AMQP_PORT": (5673, "the broker"),
    "HEALTHMON_MANAGEMENT_PORT": (15672, "the broker's management page"),
    "HEALTHMON_EPMD_PORT": (4371, "the broker's name service"),
    "HEALTHMON_DIST_PORT": (25673, "the broker's distribution"),
}


class BadSettings(Exception):
    """The stack cannot start like this; one line for each problem."""


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """Built once at start from the environment and `.env`. `ports` is by variable name. `config` holds what the user
    wrote for the programs.
    """

    var: Path
    config: Path
    bind: str
    ports: Mapping[str, int]
    environment: Mapping[str, str] = field(repr=False)

    @property
    def broker(self) -> BrokerPlan:
        ports = BrokerPorts(
            amqp=self.ports["HEALTHMON_AMQP_PORT"],
            management=self.ports["HEALTHMON_MANAGEMENT_PORT"],
            epmd=self.ports["HEALTHMON_EPMD_PORT"],
            distribution=self.ports["HEALTHMON_DIST_PORT"],
        )
        return BrokerPlan(self.var / "rabbitmq", ports, self.bind)

    @property
    def port(self) -> int:
        return self.ports["HEALTHMON_PORT"]

    def setup_environment(self) -> dict[str, str]:
        """For the one-shots: all passwords."""
        own = {
            "HEALTHMON_RABBITMQ_HOST": LOOPBACK,
            "HEALTHMON_RABBITMQ_MANAGEMENT_PORT": str(self.ports["HEALTHMON_MANAGEMENT_PORT"]),
            "HEALTHMON_DATABASE_URL": self.database_url,
        }
        return {**self.environment, **own, "PYTHONUNBUFFERED": "1"}

    def program_environment(self, user: str) -> dict[str, str]:
        """For a program that logs in as `user`: its own password and nobody else's."""
        own = {
            "HEALTHMON_DATABASE_URL": self.database_url,
            "HEALTHMON_RABBITMQ_HOST": LOOPBACK,
            "HEALTHMON_RABBITMQ_PORT": str(self.ports["HEALTHMON_AMQP_PORT"]),
            "HEALTHMON_STATE_DIR": str(self.var / "agent"),
            "HEALTHMON_PORT": str(self.port),
            "HEALTHMON_BIND": self.bind,
            "HEALTHMON_LISTEN": self.bind,
            "HEALTHMON_ADMIN_KEY_FILE": str(self.var / "run" / "admin.key"),
            "HEALTHMON_PUBLIC_URL": self.environment.get("HEALTHMON_PUBLIC_URL") or self._own_url,
            "PYTHONUNBUFFERED": "1",
        }
        inherited = {name: value for name, value in self.environment.items() if "PASSWORD" not in name}
        return {**self._users_files(), **inherited, **own, **self._password_of(user)}

    @property
    def _own_url(self) -> str:
        """What links lead to unless the user says otherwise: an address that the help desk listens on."""
        host = "localhost" if self.bind in {LOOPBACK, EVERYWHERE} else self.bind
        return f"http://{host}:{self.port}"

    def _users_files(self) -> dict[str, str]:
        """Those that are there; docker-compose.yml mounts the same folders."""
        files = {
            "HEALTHMON_NOTIFICATIONS_FILE": self.config / "server" / "notifications.toml",
            "HEALTHMON_RULES_DIR": self.config / "server" / "rules",
            "HEALTHMON_AGENT_FILE": self.config / "agent" / "agent.toml",
        }
        return {name: str(file) for name, file in files.items() if file.exists()}

    def _password_of(self, user: str) -> dict[str, str]:
        variable = PASSWORD_VARIABLES[user]
        if file := self.environment.get(f"{variable}_FILE"):
            return {"HEALTHMON_RABBITMQ_PASSWORD_FILE": file}
        return {"HEALTHMON_RABBITMQ_PASSWORD": self.environment.get(variable) or user}

    @property
    def database_url(self) -> str:
        return f"sqlite:///{self.var / 'healthmon.db'}"


def read_settings(environment: Mapping[str, str], var: Path, config: Path = ROOT / "config") -> LocalSettings:
    """Raises BadSettings."""
    problems: list[str] = []
    ports = {name: _port(name, environment, problems) for name in DEFAULT_PORTS}
    shared = {name for name, port in ports.items() if list(ports.values()).count(port) > 1}
    if shared and not problems:
        problems.append(f"{', '.join(sorted(shared))} name the same port. Give each its own.")
    if problems:
        raise BadSettings("\n".join(problems))
    bind = bind_address(environment)
    return LocalSettings(var.absolute(), config.absolute(), LOOPBACK if is_loopback(bind) else bind, ports, environment)


def _port(name: str, environment: Mapping[str, str], problems: list[str]) -> int:
    written = environment.get(name) or str(DEFAULT_PORTS[name][0])
    if not written.isascii() or not written.isdigit() or not 0 < int(written) < 65536:
        problems.append(f"{name} is {written[:32]!r}, wanted is a port, 1 to 65535.")
        return 0
    return int(written)


def require_free_ports(settings: LocalSettings) -> None:
    """Raises BadSettings naming every port that cannot be listened on, and its setting."""
    published = {"HEALTHMON_PORT", "HEALTHMON_AMQP_PORT"}
    found = [
        _why_not_usable(name, port, settings.bind if name in published else LOOPBACK)
        for name, port in settings.ports.items()
    ]
    problems = list(dict.fromkeys(filter(None, found)))
    if problems:
        raise BadSettings("\n".join(problems))


def _why_not_usable(name: str, port: int, address: str) -> str | None:
    try:
        if is_free(port, address):
            return None
    except PermissionError:
        return f"{name} is {port}: ports below 1024 are root's. Take one from 1024 on."
    except OSError as error:
        return f"HEALTHMON_BIND is {address!r}, which is no address of this machine ({error.strerror})."
    return (
        f"Port {port}, wanted for {DEFAULT_PORTS[name][1]}, is in use by another program. "
        f"Set {name} to a free one, for example in .env: {name}={port + 10}"
    )
