"""Where the help desk is and who asks, from the environment and `--url`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from cli.exits import ExitCode, Trouble

DEFAULT_URL = "http://127.0.0.1:8000"
DEFAULT_ADMIN_KEY_FILE = "var/run/admin.key"
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
LONGEST_KEY_BYTES = 512


@dataclass(frozen=True, slots=True)
class Settings:
    """`url` has no slash at its end; `key` is None where none was given."""

    url: str
    key: str | None = field(repr=False)


def load_settings(environment: Mapping[str, str], url: str | None = None, *, administration: bool = False) -> Settings:
    """`url` wins over HEALTHMON_URL. For administration the help desk's own key file comes before the user's key.

    Raises Trouble.
    """
    chosen = _checked_url(url or environment.get("HEALTHMON_URL") or DEFAULT_URL)
    key = _administration_key(environment, chosen) if administration else _own_key(environment)
    return Settings(chosen, key)


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and url.isprintable()
    except ValueError:
        usable = False
    if not usable or "@" in url or "?" in url or "#" in url:
        told = "The help desk's address is not usable: it must look like http://host:port, without a user or password."
        raise Trouble(f"{told} Set --url or HEALTHMON_URL.", ExitCode.USAGE)
    return url.rstrip("/")


def _own_key(environment: Mapping[str, str]) -> str | None:
    key, path = environment.get("HEALTHMON_API_KEY"), environment.get("HEALTHMON_API_KEY_FILE")
    if key and path:
        raise Trouble("HEALTHMON_API_KEY and HEALTHMON_API_KEY_FILE are both set. Keep one of them.", ExitCode.USAGE)
    if path:
        return _key_from(Path(path), "HEALTHMON_API_KEY_FILE")
    return _checked_key(key.strip(), "HEALTHMON_API_KEY") if key else None


def _administration_key(environment: Mapping[str, str], url: str) -> str:
    """The local file's key goes to this machine only: nobody else made it and nobody else may learn it."""
    name = environment.get("HEALTHMON_ADMIN_KEY_FILE")
    path = Path(name or DEFAULT_ADMIN_KEY_FILE)
    if urlsplit(url).hostname in LOCAL_NAMES and (name or path.exists()):
        return _key_from(path, "HEALTHMON_ADMIN_KEY_FILE")
    key = _own_key(environment)
    if key is None:
        raise Trouble(
            f"Administration needs a key: there is no {path} here for a help desk on this machine, and "
            "HEALTHMON_API_KEY is not set. Try again in the folder where make up runs, or: "
            "docker-compose exec helpdesk healthmon keys list",
            ExitCode.NOT_ALLOWED,
        )
    return key


def _key_from(path: Path, setting: str) -> str:
    try:
        with path.open("rb") as file:
            return _checked_key(file.read(LONGEST_KEY_BYTES + 1).decode("ascii").strip(), setting)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it holds no key"
        hint = "The help desk writes its administration key while it runs." if "ADMIN" in setting else ""
        told = f"{setting}: {path} cannot be used: {str(why).lower()}. {hint} Name a readable file that holds a key."
        raise Trouble(" ".join(told.split()), ExitCode.NOT_ALLOWED) from None


def _checked_key(key: str, setting: str) -> str:
    if key and len(key) <= LONGEST_KEY_BYTES and key.isascii() and key.isprintable() and " " not in key:
        return key
    raise Trouble(f"{setting} holds no usable key. Make one: healthmon keys create --role viewer", ExitCode.USAGE)
