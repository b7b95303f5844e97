"""How often the agent reports: as its settings say, or as it was told since."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from agent.told import Told

INTERVAL_FILE = "interval.json"
SHORTEST_SECONDS, LONGEST_SECONDS = 1.0, 300.0

Seconds = Annotated[float, msgspec.Meta(ge=SHORTEST_SECONDS, le=LONGEST_SECONDS)]


class _File(msgspec.Struct, frozen=True, kw_only=True):
    schema: Literal["agent-interval/1"] = "agent-interval/1"
    interval_seconds: Seconds


class Interval(Told[float]):
    def __init__(self, folder: Path, of_settings: float) -> None:
        super().__init__(folder / INTERVAL_FILE, _File, "interval_seconds", "interval is that", of_settings)

    @property
    def seconds(self) -> float:
        return self.now
