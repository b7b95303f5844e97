"""Whether a program is what its path says it is: nobody but root and the agent's user can put another in its place."""

import os
import stat
from collections.abc import Collection
from pathlib import Path

ROOT = 0


def why_unsafe(program: str) -> str | None:
    """Why it is not run with the agent's rights, or None.

    The path must be absolute. The file, where it leads to, and each folder above both belong to root or to the agent's
    own user, and nobody else can write them. A folder like /tmp is fine: there each can remove what is their own alone.
    """
    path = Path(program)
    if not path.is_absolute():
        return f"{program} must be an absolute path, like /usr/local/bin/restart-web"
    try:
        real = path.resolve(strict=True)
        if not real.is_file() or not os.access(real, os.X_OK):
            return f"{program} is no file that can be executed"
        return _why_changeable(path, real, {ROOT, os.geteuid()})
    except OSError as error:
        return f"{program} cannot be read: {error.strerror}"


def why_changeable(program: str, also_owned_by: int | None = None) -> str | None:
    """Why others can put another program in its place, or None; of what cannot be read, starting it tells more.

    `also_owned_by` is the user as whom it runs: that one may have written it.
    """
    owners = {ROOT, os.geteuid()} | ({also_owned_by} if also_owned_by is not None else set())
    try:
        return _why_changeable(Path(program), Path(program).resolve(strict=True), owners)
    except OSError:
        return None


def why_settings_changeable(file: str) -> str | None:
    """Why others than its owner can have an agent that is root do what they like, or None."""
    if os.geteuid() != ROOT or not Path(file).exists():
        return None
    return why_changeable(file, also_owned_by=Path(file).stat().st_uid)


def _why_changeable(path: Path, real: Path, owners: Collection[int]) -> str | None:
    for each in (path, real):
        why_not = _why_writable(each.stat(), each, owners) or _why_folder_writable(each, owners)
        if why_not:
            return why_not
    return None


def _why_folder_writable(path: Path, owners: Collection[int]) -> str | None:
    for folder in path.parents:
        status = folder.stat()
        if status.st_mode & stat.S_ISVTX and status.st_uid in owners:
            continue
        if why_not := _why_writable(status, folder, owners):
            return why_not
    return None


def _why_writable(status: os.stat_result, path: Path, owners: Collection[int]) -> str | None:
    if status.st_uid not in owners:
        return f"{path} belongs to another user, who could change it"
    if status.st_mode & stat.S_IWOTH:
        return f"{path} can be written by others; take that right away: chmod o-w {path}"
    if status.st_mode & stat.S_IWGRP and status.st_gid not in {ROOT, os.getegid()}:
        return f"{path} can be written by its group; take that right away: chmod g-w {path}"
    return None
