"""How large the programs of a run and their spools are, and were at most."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from faults.checker import Measured
from faults.program import Program


def larger(
    known: Measured, states: Iterable[Path], agents: Sequence[Program], processors: Sequence[Program]
) -> Measured:
    """What is known, and more where they have grown since."""
    return Measured(
        spool_bytes=max([known.spool_bytes, *map(_spool_bytes, states)]),
        agent_rss_bytes=max([known.agent_rss_bytes, *(program.rss_bytes() for program in agents)]),
        processor_rss_bytes=max([known.processor_rss_bytes, *(program.rss_bytes() for program in processors)]),
    )


def _spool_bytes(state: Path) -> int:
    size_bytes = 0
    for file in state.glob("slots/*/spool.sqlite3"):
        with suppress(FileNotFoundError):  # its agent has just put it aside
            size_bytes += file.stat().st_size
    return size_bytes
