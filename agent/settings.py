"""The agent's settings: defaults, then the TOML file, then the environment; one name everywhere.

`rabbitmq_host` in the file is `HEALTHMON_RABBITMQ_HOST` in the environment, where a list is written with commas; tables
(labels, checks, actions) stand in the file alone. All problems are reported together.
"""

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from agent.action_settings import ActionSetting, read_actions
from agent.backoff import RECONNECT_MAX_SECONDS
from agent.check_settings import CheckSetting, read_checks
from agent.metric_groups import BadChoice, Names, choice
from agent.plain_text import why_unfit
from rabbitmq.readings import METRIC_GROUPS
from rabbitmq.topology import AGENT_USER

if TYPE_CHECKING:
    from rabbitmq.connection import BrokerAddress

DEFAULT_FILE = Path("/etc/healthmon/agent.toml")
PREFIX = "HEALTHMON_"

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
Group = Annotated[str, msgspec.Meta(max_length=256, pattern=r"^(?!\.{1,2}\Z)[^\x00-\x1f\x7f]*\Z")]  # in an address
Label = Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9_]{0,63}$")]


class ConfigError(Exception):
    """The agent cannot start like this: `problems` are sentences that name the file and the key."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What one agent is told. `name` overrides the host's own name."""

    rabbitmq_host: Text = "127.0.0.1"
    rabbitmq_port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 5672
    rabbitmq_user: Text = AGENT_USER
    rabbitmq_password: Text = AGENT_USER
    rabbitmq_password_file: Text | None = None
    rabbitmq_virtual_host: Text = "/"
    state_dir: Text = "/var/lib/healthmon"
    interval_seconds: Annotated[float, msgspec.Meta(ge=1, le=300)] = 5.0
    reconnect_max_seconds: Annotated[float, msgspec.Meta(ge=1, le=300)] = RECONNECT_MAX_SECONDS
    spool_max_mib: Annotated[int, msgspec.Meta(ge=1, le=65536)] = 64
    spool_max_days: Annotated[float, msgspec.Meta(gt=0, le=3650)] = 7.0
    name: Text | None = None
    group: Group = ""
    labels: Annotated[dict[Label, Text], msgspec.Meta(max_length=32)] = {}
    collectors: Names = METRIC_GROUPS
    collectors_dir: Text | None = None
    checks: tuple[CheckSetting, ...] = ()
    actions: tuple[ActionSetting, ...] = ()

    def __repr__(self) -> str:
        shown = {field: getattr(self, field) for field in self.__struct_fields__} | {
            "rabbitmq_password": "****",
            "checks": [check.name for check in self.checks],  # their other keys may hold secrets, too
            "actions": [action.name for action in self.actions],
        }
        return f"Settings({', '.join(f'{field}={value!r}' for field, value in shown.items())})"

    @property
    def broker(self) -> "BrokerAddress":
        from rabbitmq.connection import BrokerAddress  # loads the driver, which the health check does without

        return BrokerAddress(
            self.rabbitmq_host,
            self.rabbitmq_port,
            self.rabbitmq_user,
            self.rabbitmq_password,
            self.rabbitmq_virtual_host,
        )


_TYPES = {field.name: field.type for field in msgspec.structs.fields(Settings)}
_EXPECTED = {"group": "expected up to 256 characters, none of them a control character, and neither . nor .."}
_TABLES = ("labels", "checks", "actions")
_READ_APART = ("collectors", "checks", "actions")


def load_settings(environment: Mapping[str, str]) -> Settings:
    """Build the settings once at start; raises ConfigError with every problem found."""
    problems: list[str] = []
    values = _from_file(environment, problems) | _from_environment(environment, problems)
    values = _with_password_from_file(values, problems)
    if problems:
        raise ConfigError(problems)
    return Settings(**values)


def _from_file(environment: Mapping[str, str], problems: list[str]) -> dict[str, Any]:
    named = environment.get(f"{PREFIX}AGENT_FILE")
    file = Path(named) if named else DEFAULT_FILE
    try:
        table = tomllib.loads(file.read_text())
    except FileNotFoundError:
        if named:
            problems.append(f"{file}: there is no such file; {PREFIX}AGENT_FILE names it.")
        return {}
    except (OSError, ValueError) as error:
        problems.append(f"{file}: {error}")
        return {}
    unknown = [key for key in table if key not in _TYPES]
    problems.extend(f"{file}: {key} is no setting. Known are {', '.join(_TYPES)}." for key in unknown)
    known = {key: value for key, value in table.items() if key in _TYPES and key not in _READ_APART}
    values = _checked(known, problems, strict=True, label=lambda key: f"{file}: {key}")
    if "collectors" in table:
        values |= _collectors(table["collectors"], f"{file}: collectors", problems)
    if "checks" in table:
        values["checks"] = read_checks(table["checks"], f"{file}: checks", problems)
    if "actions" in table:
        values["actions"] = read_actions(table["actions"], f"{file}: actions", problems)
    return values


def _from_environment(environment: Mapping[str, str], problems: list[str]) -> dict[str, Any]:
    given = {key: environment[f"{PREFIX}{key.upper()}"] for key in _TYPES if environment.get(f"{PREFIX}{key.upper()}")}
    tables = [key for key in _TABLES if given.pop(key, None) is not None]
    problems.extend(f"environment: {PREFIX}{key.upper()}: {key} can be set in the agent's file only." for key in tables)
    names = given.pop("collectors", None)
    values = _checked(given, problems, strict=False, label=lambda key: f"environment: {PREFIX}{key.upper()}")
    if names is not None:
        listed = [name.strip() for name in names.split(",") if name.strip()]
        values |= _collectors(listed, f"environment: {PREFIX}COLLECTORS", problems)
    return values


def _collectors(value: object, label: str, problems: list[str]) -> dict[str, Any]:
    try:
        return {"collectors": choice(value)}
    except BadChoice as why:
        problems.append(f"{label}: {why}")
        return {}


def _checked(
    given: dict[str, Any], problems: list[str], *, strict: bool, label: Callable[[str], str]
) -> dict[str, Any]:
    """The valid ones of `given`; a problem never quotes the value, which may be a secret."""
    values: dict[str, Any] = {}
    for key, value in given.items():
        try:
            values[key] = msgspec.convert(value, _TYPES[key], strict=strict)
        except msgspec.ValidationError as error:
            problems.append(f"{label(key)}: {_EXPECTED.get(key, error)}.")
        problems.extend(f"{label(key)}: {why_not}; write it as UTF-8 text." for why_not in _unfit(value))
    return values


def _unfit(value: object) -> list[str]:
    """Why a text, or one of a table, cannot stand in a record: what is set here comes to stand there."""
    texts = value.values() if isinstance(value, dict) else (value,)
    return [why_not for text in texts if isinstance(text, str) and (why_not := why_unfit(text))][:1]


def _with_password_from_file(values: dict[str, Any], problems: list[str]) -> dict[str, Any]:
    file = values.get("rabbitmq_password_file")
    if file is None:
        return values
    try:
        password = Path(file).read_text().strip()
    except (OSError, ValueError):
        problems.append(f"rabbitmq_password_file: {file} cannot be read.")
        return values
    if not password:
        problems.append(f"rabbitmq_password_file: {file} is empty.")
    return values | {"rabbitmq_password": password}
