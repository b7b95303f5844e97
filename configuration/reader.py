"""Settings from defaults, then a TOML file, then the environment; later ones win.

The environment names a key `HEALTHMON_<KEY>`; a secret may also come from the file that `HEALTHMON_<KEY>_FILE` names.
All problems are collected and reported at once, each with the place to mend.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from configuration.servers import ServerSettings

Settings = TypeVar("Settings", bound=ServerSettings)

SECRETS = frozenset({"database_url", "database_password", "rabbitmq_password"})  # a URL may hold a password
FROM_FILES = frozenset({"database_password", "rabbitmq_password"})


class ConfigError(Exception):
    """Settings that cannot be used; `problems` names each one with its place."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def read_settings(model: type[Settings], environment: Mapping[str, str], config_file: Path) -> Settings:
    """Read the file if it is there, then the environment; raises ConfigError with every problem found."""
    problems: list[str] = []
    values = dict(_from_file(config_file, problems))
    places = {key: f"{config_file}: {key}" for key in values}
    for key in model.model_fields:
        place, value = _from_environment(key, environment, problems)
        if value is not None:
            values[key], places[key] = value, place
    try:
        settings = model.model_validate(values)
    except ValidationError as error:
        problems += [_sentence(model, detail, values, places) for detail in error.errors(include_url=False)]
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
        secret = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"{name}_FILE: {path} cannot be read: {error}. Name a readable file.")
        return name, None
    if not secret:
        problems.append(f"{name}_FILE: {path} is empty. Write the secret into it.")
    return f"{name}_FILE", secret or None


def _sentence(model: type[ServerSettings], detail: Any, values: Mapping[str, Any], places: Mapping[str, str]) -> str:
    key = str(detail["loc"][0])
    if detail["type"] == "extra_forbidden":
        return f"{places[key]}: no such setting. There are: {', '.join(sorted(model.model_fields))}."
    shown = "" if key in SECRETS else f" {values[key]!r} is not usable:"
    return f"{places[key]}:{shown} {detail['msg'][:1].lower()}{detail['msg'][1:]}."
