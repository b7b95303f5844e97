"""`make secrets`: write random passwords into .env. What is set there already stays as it is."""

import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

ENV_FILE = Path(__file__).parents[1] / ".env"
NAMES = (
    "HEALTHMON_RABBITMQ_ADMIN_PASSWORD",
    "HEALTHMON_PROCESSOR_PASSWORD",
    "HEALTHMON_HELPDESK_PASSWORD",
    "HEALTHMON_AGENT_PASSWORD",
    "POSTGRES_PASSWORD",
)
SECRET_BYTES = 24


def with_secrets(text: str, new_secret: Callable[[], str]) -> tuple[str, list[str]]:
    """The file's text with every missing password added, and the names of those added."""
    missing = [name for name in NAMES if name not in _names_set(text)]
    gap = "\n" if text and not text.endswith("\n") else ""
    return text + gap + "".join(f"{name}={new_secret()}\n" for name in missing), missing


def _names_set(text: str) -> set[str]:
    """Names with a value; `NAME=` sets none."""
    pairs = (line.partition("=") for line in text.splitlines() if not line.lstrip().startswith("#"))
    return {name.removeprefix("export ").strip() for name, _, value in pairs if value.strip()}


def write_secrets(file: Path) -> list[str]:
    """Add the missing passwords to the file, readable by its owner only; the names of those added.

    The file is replaced as a whole, so that a crash leaves the old one or the new one.
    """
    text, added = with_secrets(file.read_text() if file.exists() else "", lambda: secrets.token_urlsafe(SECRET_BYTES))
    draft = file.with_name(f"{file.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    draft.replace(file)
    return added


def main() -> int:
    added = write_secrets(ENV_FILE)
    if added:
        print(f"{ENV_FILE.name}: random passwords written for {', '.join(added)}.")
        print("They are in force from the next start on: `docker-compose up -d` or `make up`.")
    else:
        print(f"{ENV_FILE.name}: every password is set already, nothing changed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
