"""How a snapshot becomes a row: its numbers packed side by side, their names once for all snapshots alike."""

import hashlib
import json
import struct
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence, ValuesView
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Generic, TypeVar

MOST_REMEMBERED_BYTES = 16 * 2**20  # of layouts, each way: thousands of ordinary hosts' and not one a flood brings
BYTES_OF_A_STRING = 64  # what a name costs beside its letters
Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """The names of a snapshot's readings in their order; `packed` are their bytes, `sha256` the digest of those."""

    names: tuple[str, ...]
    sha256: bytes
    packed: bytes


class PackedReadings(Mapping[str, float]):
    """Readings as a row has them: a tenth of a dict's memory, so that a batch of them stays near the processor."""

    __slots__ = ("layout", "numbers")

    def __init__(self, readings: Mapping[str, float]) -> None:
        self.layout = layout_of(tuple(readings))
        self.numbers = pack_numbers(readings.values())

    def __getitem__(self, name: str) -> float:
        if name not in self.layout.names:
            raise KeyError(name)
        return number_at(self.numbers, self.layout.names.index(name))

    def __iter__(self) -> Iterator[str]:
        return iter(self.layout.names)

    def __len__(self) -> int:
        return len(self.layout.names)

    def values(self) -> ValuesView[float]:
        return _Numbers(self)

    def __repr__(self) -> str:
        return repr(dict(self))


class _Numbers(ValuesView[float]):
    """All numbers, unpacked in one go."""

    __slots__ = ()
    _mapping: PackedReadings

    def __iter__(self) -> Iterator[float]:
        return iter(unpack_numbers(self._mapping.numbers))


def packed(readings: Mapping[str, float]) -> PackedReadings:
    """The readings, packed unless they are already."""
    return readings if isinstance(readings, PackedReadings) else PackedReadings(readings)


class Remembered(Generic[Key, Value]):
    """What `make` made of a key, for the keys used last whose sizes are `most_bytes` together; for any thread.

    What is larger than an eighth of that is made anew each time, so that a giant pushes nobody out.
    """

    def __init__(self, make: Callable[[Key], Value], size_bytes: Callable[[Value], int], most_bytes: int) -> None:
        self._make, self._size_bytes, self._most_bytes = make, size_bytes, most_bytes
        self._known: OrderedDict[Key, tuple[Value, int]] = OrderedDict()
        self._lock = Lock()
        self.used_bytes = 0

    def __call__(self, key: Key) -> Value:
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key][0]
        value = self._make(key)
        size = self._size_bytes(value)
        if size <= self._most_bytes // 8:
            self._keep(key, value, size)
        return value

    def _keep(self, key: Key, value: Value, size: int) -> None:
        with self._lock:
            if key in self._known:
                return
            self._known[key] = value, size
            self.used_bytes += size
            while self.used_bytes > self._most_bytes:
                self.used_bytes -= self._known.popitem(last=False)[1][1]


def _layout_of(names: tuple[str, ...]) -> Layout:
    in_json = json.dumps(names, separators=(",", ":")).encode("ascii")  # escapes carry any text through
    return Layout(names, hashlib.sha256(in_json).digest(), in_json)


def _names_of(packed: bytes) -> tuple[str, ...]:
    return tuple(json.loads(packed))


def _size_of_layout(layout: Layout) -> int:
    return _size_of_names(layout.names) + len(layout.packed)


def _size_of_names(names: tuple[str, ...]) -> int:
    return sum(map(len, names)) + BYTES_OF_A_STRING * len(names)


layout_of = Remembered(_layout_of, _size_of_layout, MOST_REMEMBERED_BYTES)
"""The layout of these names."""

names_of = Remembered(_names_of, _size_of_names, MOST_REMEMBERED_BYTES)
"""The way back from a layout's bytes."""


def pack_numbers(numbers: Collection[float]) -> bytes:
    """Doubles, little-endian, side by side."""
    return _doubles(len(numbers)).pack(*numbers)


def unpack_numbers(packed: bytes) -> Sequence[float]:
    """The way back from `pack_numbers`."""
    return _doubles(len(packed) // 8).unpack(packed)


@lru_cache(maxsize=256)
def _doubles(count: int) -> struct.Struct:
    return struct.Struct(f"<{count}d")


def number_at(packed: bytes, place: int) -> float:
    """One number, without unpacking its neighbours."""
    number: float = struct.unpack_from("<d", packed, place * 8)[0]
    return number
