"""Records for tests, stamped with clocks that stand still."""

from collections.abc import Callable

from agent.stamp import Stamp, Stamper
from rabbitmq.records import Goodbye, Record, Snapshot

AGENT_ID = "0123456789abcdef"
WALL_SECONDS = 1_800_000_000.0


def stamper() -> Stamper:
    return Stamper(AGENT_ID, "boot-1", wall_clock=lambda: WALL_SECONDS, boot_clock=lambda: 77.0)


def snapshot_of(size_bytes: int = 0) -> Callable[[Stamp], Record]:
    """A snapshot that takes about so many bytes."""
    readings = {f"padding.{number:06d}": float(number) for number in range(size_bytes // 24)}
    return lambda stamp: Snapshot(**stamp, readings=readings, interval_seconds=5.0, scope="host")


def goodbye(stamp: Stamp) -> Record:
    return Goodbye(**stamp, reason="stopped")
