"""The `.env` file of the project's root, read as compose reads it: KEY=VALUE lines, `#` comments, optional quotes."""

from pathlib import Path


def read_dotenv(file: Path) -> dict[str, str]:
    """Empty without the file; a line without `=` is skipped, as compose does."""
    if not file.exists():
        return {}
    pairs = (line.partition("=") for line in file.read_text().splitlines() if not line.lstrip().startswith("#"))
    return {key.removeprefix("export ").strip(): _unquoted(value.strip()) for key, equals, value in pairs if equals}


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value
