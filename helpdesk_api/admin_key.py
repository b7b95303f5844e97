"""The key for administration on this machine: who can read the help desk's own file may make keys for others.

It lives as long as the process: a random secret in a file only its owner reads, its hash in memory alone.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from configuration.reader import ConfigError
from helpdesk_api.access import new_key, sha256_of


@contextmanager
def admin_key(path: Path) -> Iterator[str]:
    """Write a new key to `path`, give its SHA-256, remove the file at the end. Raises ConfigError if it cannot."""
    key = new_key()
    try:
        _write(path, key)
    except OSError as error:
        told = f"HEALTHMON_ADMIN_KEY_FILE: {path} cannot be written: {error.strerror}. Name one that can."
        raise ConfigError([told]) from None
    try:
        yield sha256_of(key)
    finally:
        path.unlink(missing_ok=True)


def _write(path: Path, key: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(key + "\n")
