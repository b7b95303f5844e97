"""`healthmon version`."""

import re
from importlib import metadata
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "rabbitmq" / "version.py"


def version() -> None:
    """Print the version of this program."""
    print(f"healthmon {_installed() or _of_source() or 'of unknown version'}", flush=True)


def _installed() -> str | None:
    try:
        return metadata.version("healthmon")
    except metadata.PackageNotFoundError:
        return None


def _of_source() -> str | None:
    """Where the packages lie in a folder without having been installed: read from the file that the build reads."""
    try:
        found = re.search(r'"([^"]+)"$', SOURCE.read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        return None
    return found and found[1]
