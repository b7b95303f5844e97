"""When the next collection is due."""


def next_due(due_seconds: float, interval_seconds: float, now_seconds: float) -> float:
    """The next point of the grid that began at `due_seconds`: no drift, and no burst after a pause."""
    missed = max(0, int((now_seconds - due_seconds) // interval_seconds))
    return due_seconds + (missed + 1) * interval_seconds
