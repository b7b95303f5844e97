"""How a snapshot becomes a row: its numbers packed side by side, their names once for all snapshots alike."""

import hashlib
import json
import struct
from collections.abc import Collection, Iterator, Mapping, Sequence, ValuesView
from dataclasses import dataclass
from functools import lru_cache


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


@lru_cache(maxsize=4096)
def layout_of(names: tuple[str, ...]) -> Layout:
    """The layout of these names."""
    in_json = json.dumps(names, separators=(",", ":")).encode("ascii")  # escapes carry any text through
    return Layout(names, hashlib.sha256(in_json).digest(), in_json)


@lru_cache(maxsize=4096)
def names_of(packed: bytes) -> tuple[str, ...]:
    """The way back from a layout's bytes."""
    return tuple(json.loads(packed))


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
