"""From counters that only grow to rates per second."""

from collections.abc import Mapping
from operator import ge

Counters = Mapping[str, tuple[float, ...]]
Rate = dict[str, tuple[float, ...]]

SHORTEST_SECONDS = 0.25  # in less time a counter of hundredths of a second tells only noise


class Rates:
    """Remembers the last sample of a group of devices, each with its tuple of counters."""

    def __init__(self) -> None:
        self._counters: Counters = {}
        self._taken_seconds = float("inf")
        self._rates: Rate = {}

    def per_second(self, counters: Counters, now_seconds: float) -> Rate:
        """Each device's counters per second since the sample before, however long ago that was.

        1. A sample that follows too closely gives the rates of the one before it, for devices still there.
        2. A clock that went back starts anew, as the first sample does: no rates.
        3. A device seen for the first time has no rate yet.
        4. A device with any counter below its last value was reset: no rate this time, never a negative one.
        """
        elapsed_seconds = now_seconds - self._taken_seconds
        if 0 <= elapsed_seconds < SHORTEST_SECONDS:
            return {device: rate for device, rate in self._rates.items() if device in counters}
        before = self._counters if elapsed_seconds > 0 else {}
        self._counters, self._taken_seconds = counters, now_seconds
        self._rates = {
            device: tuple([(new - old) / elapsed_seconds for new, old in zip(values, before[device], strict=True)])
            for device, values in counters.items()
            if device in before and _only_grew(before[device], values)
        }
        return self._rates


def _only_grew(before: tuple[float, ...], after: tuple[float, ...]) -> bool:
    return all(map(ge, after, before))
