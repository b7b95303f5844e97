"""How the checker's rules say what they found."""

from collections.abc import Collection, Sequence

from faults.witness import Key

SHOWN = 5


def missing(what: str, found: Collection[object]) -> list[str]:
    """One sentence with the first few, or none when there is nothing."""
    if not found:
        return []
    shown: Sequence[object] = sorted(found, key=str)[:SHOWN]
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return [f"{what}: {', '.join(str(tuple(item) if isinstance(item, Key) else item) for item in shown)}{more}"]
