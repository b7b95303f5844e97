"""The state of this host's checks in a small file of the slot folder, so that it outlives the agent."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from agent.files import write_atomically
from agent.local_state import Kept
from agent.status import STATUS_FILE

STATE_FILE = "checks.json"
OLD_AFTER_SECONDS = 86400.0

log = logging.getLogger("agent")


class _File(msgspec.Struct, frozen=True, kw_only=True):
    schema: Literal["agent-checks/1"] = "agent-checks/1"
    checks: Sequence[Kept]


def save_state(folder: Path, checks: Sequence[Kept], *, durable: bool) -> None:
    """Replace the file; `durable` also survives a power cut. Raises OSError."""
    write_atomically(folder / STATE_FILE, msgspec.json.encode(_File(checks=checks)), durable=durable)


def load_state(folder: Path, now_seconds: float) -> tuple[Sequence[Kept], float]:
    """What the last start of the agent left behind, and how many seconds nobody looked since.

    Nothing when the file is damaged, or when the agent was away for a day. After a power cut a machine without a clock
    of its own is behind: then nobody knows how long, and what was tried already must not be tried again. `now_seconds`
    is Unix time.
    """
    try:
        content = (folder / STATE_FILE).read_bytes()
        away_seconds = now_seconds - max(_written_seconds(folder / name) for name in (STATE_FILE, STATUS_FILE))
    except FileNotFoundError:
        return (), 0.0
    except OSError as error:
        log.warning("the state of the checks cannot be read (%s), they begin anew", error)
        return (), 0.0
    if away_seconds > OLD_AFTER_SECONDS:
        log.info("the state of the checks is of another day, they begin anew")
        return (), 0.0
    try:
        return msgspec.json.decode(content, type=_File).checks, max(away_seconds, 0.0)
    except (ValueError, RecursionError):
        log.warning("%s is damaged, the checks begin anew", folder / STATE_FILE)
        return (), 0.0


def _written_seconds(file: Path) -> float:
    """When it was written last; long ago where there is none, as the status of an agent that died at once."""
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return 0.0
