"""What the help desk is told at its start: defaults, then a TOML file, then the environment, later ones win.

The environment names a key `HEALTHMON_<KEY>`; a secret may also come from the file that `HEALTHMON_<KEY>_FILE` names.
All problems are collected and reported at once, each with the place to mend.
"""

import ipaddress
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from rabbitmq.connection import BrokerAddress
from rabbitmq.topology import HELPDESK_USER

CONFIG_FILE = Path("/etc/healthmon/helpdesk.toml")
SECRETS = frozenset({"database_url", "database_password", "rabbitmq_password"})  # a URL may hold a password
FROM_FILES = frozenset({"database_password", "rabbitmq_password"})

Text = Annotated[str, Field(min_length=1)]
Port = Annotated[int, Field(ge=1, le=65535)]


class Settings(BaseModel):
    """Built once at start. `listen` is where this process listens, `bind` where the user publishes it."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    database_url: Annotated[Text, Field(repr=False)] = "sqlite:///var/healthmon.db"
    database_password: SecretStr | None = None
    rabbitmq_host: Text = "127.0.0.1"
    rabbitmq_port: Port = 5672
    rabbitmq_user: Text = HELPDESK_USER
    rabbitmq_password: SecretStr = SecretStr(HELPDESK_USER)
    rabbitmq_virtual_host: Text = "/"
    listen: Text = "127.0.0.1"
    port: Port = 8000
    bind: Text = "127.0.0.1"
    public_url: Annotated[str, Field(pattern=r"^https?://[^/?#\s]+/?$")] | None = None
    admin_key_file: Path = Path("var/run/admin.key")

    @property
    def broker(self) -> BrokerAddress:
        return BrokerAddress(
            self.rabbitmq_host,
            self.rabbitmq_port,
            self.rabbitmq_user,
            self.rabbitmq_password.get_secret_value(),
            self.rabbitmq_virtual_host,
        )

    @property
    def keyless(self) -> bool:
        """Whether the service is published on this machine only, so that people need no key."""
        return is_loopback(self.bind)


class ConfigError(Exception):
    """Settings that cannot be used; `problems` names each one with its place."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach `address`; a name other than localhost counts as reachable."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False


def load_settings(environment: Mapping[str, str], config_file: Path = CONFIG_FILE) -> Settings:
    """Read the file if it is there, then the environment; raises ConfigError with every problem found."""
    problems: list[str] = []
    values = dict(_from_file(config_file, problems))
    places = {key: f"{config_file}: {key}" for key in values}
    for key in Settings.model_fields:
        place, value = _from_environment(key, environment, problems)
        if value is not None:
            values[key], places[key] = value, place
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        problems += [_sentence(detail, values, places) for detail in error.errors(include_url=False)]
    if problems:
        raise ConfigError(problems)
    return settings


def _from_file(config_file: Path, problems: list[str]) -> Mapping[str, Any]:
    try:
        return tomllib.loads(config_file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        problems.append(f"{config_file}: cannot be read: {error}. Mend the file or remove it.")
        return {}


def _from_environment(key: str, environment: Mapping[str, str], problems: list[str]) -> tuple[str, str | None]:
    """The variable's name and its value, None when it is not set. An empty variable counts as not set."""
    name = f"HEALTHMON_{key.upper()}"
    path = environment.get(f"{name}_FILE") if key in FROM_FILES else None
    if not path:
        return name, environment.get(name) or None
    if environment.get(name):
        problems.append(f"{name} and {name}_FILE are both set. Keep one of them.")
    try:
        return f"{name}_FILE", Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"{name}_FILE: {path} cannot be read: {error}. Name a readable file.")
        return name, None


def _sentence(detail: Any, values: Mapping[str, Any], places: Mapping[str, str]) -> str:
    key = str(detail["loc"][0])
    if detail["type"] == "extra_forbidden":
        return f"{places[key]}: no such setting. There are: {', '.join(sorted(Settings.model_fields))}."
    shown = "" if key in SECRETS else f" {values[key]!r} is not usable:"
    return f"{places[key]}:{shown} {detail['msg'][:1].lower()}{detail['msg'][1:]}."
