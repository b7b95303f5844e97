"""The key for administration on this machine: who can read the help desk's own file may make keys for others.

It lives as long as the process: a random secret in a file only its owner reads, its hash in memory alone.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from helpdesk_api.access import new_key, sha256_of


@contextmanager
def admin_key(path: Path) -> Iterator[str]:
    """Write a new key to `path`, give its SHA-256, remove the file at the end. Raises OSError if it cannot."""
    key = new_key()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(key + "\n")
    try:
        yield sha256_of(key)
    finally:
        path.unlink(missing_ok=True)
