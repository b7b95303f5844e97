"""How often the agent reports: as its settings say, or as it was told since; what was told outlives the agent."""

import logging
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from agent.files import write_atomically

INTERVAL_FILE = "interval.json"
SHORTEST_SECONDS, LONGEST_SECONDS = 1.0, 300.0

Seconds = Annotated[float, msgspec.Meta(ge=SHORTEST_SECONDS, le=LONGEST_SECONDS)]

log = logging.getLogger("agent")


class _File(msgspec.Struct, frozen=True, kw_only=True):
    schema: Literal["agent-interval/1"] = "agent-interval/1"
    interval_seconds: Seconds


class Interval:
    """`seconds` is in force now, `of_settings` when nothing else was told."""

    def __init__(self, folder: Path, of_settings: float) -> None:
        self._file = folder / INTERVAL_FILE
        self._told = _read(self._file)
        self.of_settings = of_settings

    @property
    def seconds(self) -> float:
        return self.of_settings if self._told is None else self._told

    @property
    def is_told(self) -> bool:
        return self._told is not None

    def tell(self, seconds: float | None) -> None:
        """In force at once and after restarts; None returns to the settings. Raises OSError, and nothing changes."""
        if seconds is None:
            self._file.unlink(missing_ok=True)
        else:
            write_atomically(self._file, msgspec.json.encode(_File(interval_seconds=seconds)), durable=True)
        self._told = seconds


def _read(file: Path) -> float | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=_File).interval_seconds
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        log.warning("%s cannot be read (%s), the interval is that of the settings", file, str(error)[:200])
        return None
