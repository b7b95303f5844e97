"""A set of whole numbers kept as ranges: small while numbers come in runs, however many there are."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator


class Ranges:
    """Ranges include both ends; `len` counts numbers."""

    __slots__ = ("_count", "_firsts", "_lasts")

    def __init__(self, numbers: Iterable[int] = ()) -> None:
        self._firsts = array("q")
        self._lasts = array("q")
        self._count = 0
        for number in numbers:
            self.add(number, number)

    def __len__(self) -> int:
        return self._count

    def __contains__(self, number: int) -> bool:
        index = bisect_left(self._lasts, number)
        return index < len(self._firsts) and self._firsts[index] <= number

    def __iter__(self) -> Iterator[int]:
        return (number for first, last in self.ranges() for number in range(first, last + 1))

    def copy(self) -> "Ranges":
        other = Ranges()
        other._firsts, other._lasts, other._count = self._firsts[:], self._lasts[:], self._count
        return other

    def ranges(self) -> Iterator[tuple[int, int]]:
        return zip(self._firsts, self._lasts, strict=True)

    def within(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """The parts of the ranges that lie between `first` and `last`, rising."""
        for index in range(bisect_left(self._lasts, first), bisect_right(self._firsts, last)):
            yield max(first, self._firsts[index]), min(last, self._lasts[index])

    def first_from(self, number: int) -> int | None:
        """The lowest of the set that is not below `number`."""
        index = bisect_left(self._lasts, number)
        return max(number, self._firsts[index]) if index < len(self._firsts) else None

    def add(self, first: int, last: int) -> None:
        """Overlapping and adjacent ranges become one."""
        low, high = bisect_left(self._lasts, first - 1), bisect_right(self._firsts, last + 1)
        if low < high:
            first, last = min(first, self._firsts[low]), max(last, self._lasts[high - 1])
        self._replace(low, high, [(first, last)])

    def discard(self, first: int, last: int) -> None:
        low, high = bisect_left(self._lasts, first), bisect_right(self._firsts, last)
        if low >= high:
            return
        left, right = (self._firsts[low], first - 1), (last + 1, self._lasts[high - 1])
        self._replace(low, high, [part for part in (left, right) if part[0] <= part[1]])

    def _replace(self, low: int, high: int, parts: list[tuple[int, int]]) -> None:
        before = sum(self._lasts[low:high]) - sum(self._firsts[low:high]) + high - low
        self._firsts[low:high] = array("q", [first for first, _ in parts])
        self._lasts[low:high] = array("q", [last for _, last in parts])
        self._count += sum(last - first + 1 for first, last in parts) - before
