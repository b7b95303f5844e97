"""How fast a reading changes: per second, from the oldest value inside the window to the newest."""

from collections.abc import Sequence

MOST_POINTS = 60

Points = Sequence[tuple[int, float]]
"""Times in milliseconds with the values then, oldest first."""


def remembered(points: Points, at_ms: int, value: float, window_ms: int) -> Points:
    """The points inside the window, this one last; at most `MOST_POINTS` and two, evenly spaced.

    A clock set back begins anew.
    """
    if points and points[-1][0] >= at_ms:
        return ((at_ms, value),)
    inside = [point for point in points if at_ms - point[0] <= window_ms]
    if len(inside) > 1 and inside[-1][0] - inside[-2][0] < window_ms / MOST_POINTS:
        del inside[-1]
    return (*inside, (at_ms, value))


def per_second(points: Points, window_ms: int) -> float | None:
    """None while less than half of the window is covered: two values at its beginning are no trend yet."""
    (first_ms, first), (last_ms, last) = points[0], points[-1]
    if last_ms == first_ms or last_ms - first_ms < window_ms / 2:
        return None
    return (last - first) * 1000 / (last_ms - first_ms)
