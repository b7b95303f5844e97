"""The running agent's state in a small file of its slot folder, for `healthmon-agent status`: no broker needed.

The file is rewritten in place by one write: replacing a file costs the agent more than collecting does. A reader that
caught it half-way would see no JSON, and reads again.
"""

import os
import socket
from pathlib import Path
from typing import Literal

import msgspec

from agent.identity import slot_folders

STATUS_FILE = "status.json"
BLOCK_BYTES = 4096
READ_ATTEMPTS = 3
MISSED_INTERVALS = 3
GRACE_SECONDS = 10.0


class CheckRow(msgspec.Struct, frozen=True, kw_only=True):
    """One check: its hard state, what is `pending` with how far that is (`progress`: "2 of 3"), and its limits.

    A rule has a `value` in `unit`, an active check the `output` of its last run.
    """

    rule: str
    subject: str
    name: str
    state: Literal["ok", "warning", "critical", "unknown"]
    since_seconds: float
    value: float | None
    unit: str
    output: str
    warning: float | None
    critical: float | None
    pending: str | None
    progress: str
    flapping: bool
    sentence: str


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Times are Unix seconds. `machine` is where the agent runs, also when it reports another name. `checks` have the
    worst first.
    """

    schema: Literal["agent-status/1"] = "agent-status/1"
    agent_id: str
    name: str
    machine: str
    scope: str
    version: str
    process_id: int
    running: bool
    written_seconds: float
    started_seconds: float
    interval_seconds: float
    collectors: int
    errors: dict[str, str]
    switched_off: list[str] = []
    hub: str
    hub_state: Literal["connected", "blocked", "disconnected"]
    hub_since_seconds: float
    hub_why: str
    hub_advice: str
    last_confirmed_seconds: float | None
    epoch: int
    last_seq: int
    waiting: int
    lost: int
    checks: list[CheckRow] = []

    def is_fresh(self, now_seconds: float) -> bool:
        """Written by an agent that still runs, as far as this clock tells."""
        age_seconds = now_seconds - self.written_seconds
        return self.running and -GRACE_SECONDS < age_seconds < MISSED_INTERVALS * self.interval_seconds + GRACE_SECONDS


def write_status(folder: Path, status: Status) -> None:
    """Raises OSError."""
    content = msgspec.json.encode(status)
    padded = content.ljust(-(-len(content) // BLOCK_BYTES) * BLOCK_BYTES)  # a shorter text leaves no tail of a longer
    descriptor = os.open(f"{folder}/{STATUS_FILE}", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.pwrite(descriptor, padded, 0)
        if os.fstat(descriptor).st_size > len(padded):
            os.ftruncate(descriptor, len(padded))
    finally:
        os.close(descriptor)


def read_statuses(state_folder: Path, *, machine: str | None = None) -> list[Status]:
    """What the agents of this machine told last, lowest slot first. Replicas that share the folder are left out."""
    here = machine or socket.gethostname()
    found = (read_status(folder) for folder in slot_folders(state_folder))
    return [status for status in found if status is not None and status.machine == here]


def read_status(folder: Path) -> Status | None:
    """What the agent of this slot told last, or None where none told anything readable."""
    for _ in range(READ_ATTEMPTS):
        try:
            return msgspec.json.decode((folder / STATUS_FILE).read_bytes(), type=Status)
        except OSError:
            return None
        except msgspec.DecodeError:
            continue
    return None
