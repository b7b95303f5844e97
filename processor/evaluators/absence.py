"""How long an agent that reported a metric has not reported it."""

from store.model import Check


def last_reported_ms(remembered_ms: int | None, known: Check | None) -> int | None:
    """When the metric came last; None when it never did.

    Who restarts remembers nothing: of an open check the time still follows from the value that moved it.
    """
    if remembered_ms is not None or known is None:
        return remembered_ms
    return known.since_ms - round(known.value * 1000)


def seconds_absent(last_ms: int, at_ms: int) -> float:
    """A clock set back makes nothing absent."""
    return max(at_ms - last_ms, 0) / 1000
