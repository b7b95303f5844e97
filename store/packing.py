"""How a snapshot becomes a row: its numbers packed side by side, their names once for all snapshots alike."""

import hashlib
import json
import struct
from collections.abc import Iterable, Sequence
from functools import lru_cache


@lru_cache(maxsize=4096)
def layout_of(names: tuple[str, ...]) -> tuple[bytes, bytes]:
    """The SHA-256 and the bytes of the names of a snapshot's readings in their order."""
    packed = json.dumps(names, separators=(",", ":")).encode("ascii")  # escapes carry any text through
    return hashlib.sha256(packed).digest(), packed


@lru_cache(maxsize=4096)
def names_of(packed: bytes) -> tuple[str, ...]:
    """The way back from a layout's bytes."""
    return tuple(json.loads(packed))


def pack_numbers(numbers: Iterable[float]) -> bytes:
    """Doubles, little-endian, side by side."""
    values = tuple(numbers)
    return struct.pack(f"<{len(values)}d", *values)


def unpack_numbers(packed: bytes) -> Sequence[float]:
    """The way back from `pack_numbers`."""
    return struct.unpack(f"<{len(packed) // 8}d", packed)


def number_at(packed: bytes, place: int) -> float:
    """One number, without unpacking its neighbours."""
    number: float = struct.unpack_from("<d", packed, place * 8)[0]
    return number
