"""What is remembered of one reading: a point for each stretch of a rule's window, the newest samples singly."""

from array import array
from collections import deque
from collections.abc import Hashable
from typing import TypeVar

from processor.evaluators.forecast import NEWEST_POINTS
from processor.evaluators.robust_slope import Point

MOST_POINTS = 120
SET_BACK_MS = 60_000  # less may come of the times that samples out of the store are given
Name = TypeVar("Name", bound=Hashable)


def stretch_ms(window_ms: int) -> int:
    """How long one stretch of a window is."""
    return max(window_ms // MOST_POINTS, 1)


class Track:
    """About 2 KiB when it is full. A stretch's point is the mean of its samples, in time as in value."""

    def __init__(self, window_ms: int) -> None:
        self._window_ms = window_ms
        self._stretch = 0
        self._count = 0  # of the samples in the newest stretch
        self._times = array("d")
        self._values = array("d")
        self._newest: deque[Point] = deque(maxlen=NEWEST_POINTS)

    def add(self, time_ms: int, value: float) -> None:
        """A sample later than all before; any other is left out, but a clock set back begins anew."""
        if self._newest and time_ms < self.last_ms - SET_BACK_MS:
            del self._times[:], self._values[:]
            self._newest.clear()
        if self._newest and time_ms <= self.last_ms:
            return
        self._newest.append((time_ms, value))
        stretch = time_ms // stretch_ms(self._window_ms)
        if not self._times or stretch != self._stretch:
            self._stretch, self._count = stretch, 0
            self._times.append(0.0)
            self._values.append(0.0)
        self._count += 1
        self._times[-1] += (time_ms - self._times[-1]) / self._count
        self._values[-1] += (value - self._values[-1]) / self._count
        while self._times[0] < time_ms - self._window_ms:
            del self._times[0], self._values[0]

    def points(self) -> list[Point]:
        return [*zip(self._times, self._values, strict=True), *self._newest]

    def newest(self, since_ms: int) -> list[float]:
        """The last few samples from `since_ms` on."""
        return [value for time_ms, value in self._newest if time_ms >= since_ms]

    @property
    def last_ms(self) -> int:
        return int(self._newest[-1][0]) if self._newest else 0

    def has_faded(self, now_ms: int) -> bool:
        """Whether nothing of it lies in its window any more."""
        return self.last_ms < now_ms - self._window_ms


def forget_faded(tracks: dict[Name, Track]) -> None:
    """Forget those of one agent that it does not report any more: interfaces and mounts come and go."""
    newest_ms = max((track.last_ms for track in tracks.values()), default=0)
    for name in [name for name, track in tracks.items() if track.has_faded(newest_ms)]:
        del tracks[name]
