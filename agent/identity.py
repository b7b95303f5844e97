"""Who this agent is: a random id in a slot folder that one process at a time holds.

Agents that share a state folder (replicas on one volume) each take the lowest free slot, `slots/0`, `slots/1`, and so
on. The lock dies with its process, the id never changes: a restarted or re-created agent finds its id again.
"""

import errno
import fcntl
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from agent.files import write_atomically
from agent.settings import ConfigError

MAX_SLOTS = 1024
_AGENT_ID = re.compile(r"[a-z0-9-]{1,64}")


@dataclass(frozen=True, slots=True)
class Identity:
    """The id, the slot folder that belongs to it, and the descriptor whose lock holds the slot."""

    agent_id: str
    folder: Path
    lock_descriptor: int

    def release(self) -> None:
        os.close(self.lock_descriptor)


def claim_identity(state_folder: Path) -> Identity:
    """Hold the lowest free slot until `release` or the end of the process; raises ConfigError."""
    try:
        return _claim_lowest_free_slot(state_folder / "slots")
    except OSError as error:
        raise ConfigError(
            [f"HEALTHMON_STATE_DIR {state_folder}: {error.strerror}. Give the agent a folder that it can write."]
        ) from error


def slot_folders(state_folder: Path) -> list[Path]:
    """All slots ever claimed in this state folder, lowest first."""
    claimed = (folder for folder in (state_folder / "slots").glob("[0-9]*") if folder.name.isdecimal())
    return sorted(claimed, key=lambda folder: int(folder.name))


def known_agent_id(state_folder: Path) -> str | None:
    """The id in the lowest slot, or None when no agent ever ran with this state folder."""
    for folder in slot_folders(state_folder):
        try:
            return (folder / "agent-id").read_text().strip()
        except OSError:
            continue
    return None


def _claim_lowest_free_slot(slots: Path) -> Identity:
    for number in range(MAX_SLOTS):
        folder = slots / str(number)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = _open_lock(folder / "lock")
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            continue
        return Identity(_agent_id(folder / "agent-id"), folder, descriptor)
    raise ConfigError([f"{slots}: all {MAX_SLOTS} slots are taken. Give these agents a state folder of their own."])


def _open_lock(file: Path) -> int:
    try:
        return os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno != errno.EROFS:
            raise
        return os.open(file, os.O_RDONLY | os.O_CLOEXEC)  # a known agent goes on while its disk is read-only


def _agent_id(file: Path) -> str:
    """The slot's id, made at the first claim; a file that holds no id is never overwritten."""
    try:
        agent_id = file.read_text().strip()
    except FileNotFoundError:
        agent_id = secrets.token_hex(8)
        write_atomically(file, f"{agent_id}\n".encode(), durable=True)
    if not _AGENT_ID.fullmatch(agent_id):
        raise ConfigError([f"{file} holds no agent id. Restore it, or delete the file to make this a new agent."])
    return agent_id
