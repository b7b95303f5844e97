"""docker-compose.yml as the tests read it: anchors merged, every variable at its default or as given."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]
COMPOSE_FILE = ROOT / "docker-compose.yml"
_VARIABLE = re.compile(r"\$\{([A-Z_]+):-([^}]*)\}")


def load_stack(environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The file with its variables put in. Only `${NAME:-default}` is understood: the one form that needs no .env."""
    given = environment or {}
    text = _VARIABLE.sub(lambda match: given.get(match[1]) or match[2], COMPOSE_FILE.read_text())
    assert "${" not in text, "a variable without a default would ask for a file to edit"
    stack: dict[str, Any] = yaml.safe_load(text)
    return stack


def services(environment: Mapping[str, str] | None = None) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = load_stack(environment)["services"]
    return found


def ours() -> list[str]:
    """Services that run our images."""
    return [name for name, service in services().items() if "build" in service]
