"""An agent's clock against the server's: what is measured is shown, and corrected for display."""

from console.quantities import span
from store.model import Agent

TOLERATED_MS = 2_000  # below this the road's own delay is as large


def correction_ms(agent: Agent) -> int:
    """What to add to the agent's times to have the server's; 0 while its clock is right enough or not measured."""
    return correction_of(agent.clock_offset_ms)


def correction_of(offset_ms: int | None) -> int:
    """The same from what was measured."""
    return offset_ms if offset_ms is not None and abs(offset_ms) >= TOLERATED_MS else 0


def clock_words(agent: Agent) -> str | None:
    """What is wrong with its clock and what now, None where nothing is."""
    offset_ms = correction_ms(agent)
    if not offset_ms:
        return None
    far = span(abs(offset_ms) / 1000)
    way = "behind" if offset_ms > 0 else "ahead"
    return f"Its clock is {far} {way}; times are corrected. Set the host's time, on Linux: timedatectl set-ntp true"
