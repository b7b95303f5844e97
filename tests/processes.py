"""Finding processes by their environment, and waiting for their end."""

import os
import select
from pathlib import Path

GONE_WITHIN_SECONDS = 20


def processes_with(marker: str) -> list[int]:
    """Ids of living processes (zombies have no environment) whose environment holds the marker."""
    return sorted(
        int(folder.name) for folder in Path("/proc").glob("[0-9]*") if marker.encode() in _environment(folder)
    )


def wait_until_gone(marker: str) -> None:
    """Raises AssertionError naming what lives on."""
    for process_id in processes_with(marker):
        _wait_for_end(process_id)
    assert processes_with(marker) == []


def _environment(folder: Path) -> bytes:
    try:
        return (folder / "environ").read_bytes()
    except OSError:
        return b""


def _wait_for_end(process_id: int) -> None:
    try:
        handle = os.pidfd_open(process_id)
    except ProcessLookupError:
        return
    try:
        ended, _, _ = select.select([handle], [], [], GONE_WITHIN_SECONDS)
    finally:
        os.close(handle)
    assert ended, f"process {process_id} lives on"
