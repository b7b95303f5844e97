"""What every record of this agent has: its number, its boot, its two clocks."""

import time
from collections.abc import Callable
from typing import TypedDict

from agent.host import boot_seconds


class Stamp(TypedDict):
    """The fields that all records share."""

    agent_id: str
    epoch: int
    seq: int
    boot_id: str
    wall_seconds: float
    boot_seconds: float


class Stamper:
    """Stamps records of one agent with the clocks it was given."""

    def __init__(
        self,
        agent_id: str,
        boot_id: str,
        *,
        wall_clock: Callable[[], float] = time.time,
        boot_clock: Callable[[], float] = boot_seconds,
    ) -> None:
        self.agent_id = agent_id
        self._boot_id = boot_id
        self._wall_clock = wall_clock
        self._boot_clock = boot_clock

    def __call__(self, epoch: int, seq: int) -> Stamp:
        return Stamp(
            agent_id=self.agent_id,
            epoch=epoch,
            seq=seq,
            boot_id=self._boot_id,
            wall_seconds=self._wall_clock(),
            boot_seconds=self._boot_clock(),
        )
