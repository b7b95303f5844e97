"""What a host's agent says of itself: what it could not measure or keep, and that its clock is off."""

from cli.answers import Host
from cli.screen import Screen
from console.quantities import span

MOST_LINES = 12
TOLERATED_SECONDS = 2.0
SPOOL = "spool"
NOT_ON_DISK = "the agent cannot keep records on its disk"


def trouble_lines(host: Host, screen: Screen) -> list[str]:
    """Under a heading, the spool first; empty when there is no trouble."""
    ordered = sorted({**host.switched_off, **host.errors}.items(), key=lambda item: (item[0] != SPOOL, item[0]))
    told = [f"{NOT_ON_DISK if part == SPOOL else f'{part} not measured'}: {why}" for part, why in ordered[:MOST_LINES]]
    if len(ordered) > MOST_LINES:
        told.append(f"and {len(ordered) - MOST_LINES} more: healthmon status --json")
    offset_seconds = host.clock_offset_seconds or 0.0
    if abs(offset_seconds) >= TOLERATED_SECONDS:
        way = "behind" if offset_seconds > 0 else "ahead"
        told.append(f"its clock is {span(abs(offset_seconds))} {way}; times of readings are corrected")
    return ["", f"OF {host.name} NOW", *(line for one in told for line in screen.prose(one, "  "))] if told else []
