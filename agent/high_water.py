"""How far the numbering has come, in a file beside the spool: it tells when a spool is gone, damaged or an old copy.

One block, written in place: before a transaction what it is about to assign, after it what it assigned. That costs no
sync and holds as long as the machine runs; every 1,000 numbers a block is reserved and synced, which holds over a power
cut.
"""

import os
import zlib
from pathlib import Path

import msgspec

BLOCK_BYTES = 4096
RESERVED_AT_ONCE = 1000
MOST_EARLIER = 40


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """What was assigned of an epoch, and the oldest of it that was not settled.

    A spool whose last number is below `last_seq` is an old copy; between that and `assigning_seq` its last transaction
    may or may not have been kept. `earlier` are (epoch, first seq, last seq) that were kept or named, but not settled.
    """

    boot_id: str
    epoch: int
    oldest_seq: int
    last_seq: int
    assigning_seq: int
    reserved_seq: int = 0
    earlier: list[tuple[int, int, int]] = []

    def was_cut_off(self, boot_id: str) -> bool:
        """The machine ended, and the agent with it, before it was closed."""
        return boot_id != self.boot_id and self.reserved_seq > self.assigning_seq

    def highest_seq(self, boot_id: str) -> int:
        """No higher number was assigned: exactly known within a boot, else up to the block that was reserved."""
        return self.assigning_seq if boot_id == self.boot_id else max(self.assigning_seq, self.reserved_seq)


class HighWater:
    """The file and what it told when it was opened. Raises OSError when the disk refuses."""

    def __init__(self, file: Path, boot_id: str) -> None:
        self._file = file
        self._descriptor = -1
        self._reserved = (0, 0)  # epoch and seq
        self.boot_id = boot_id
        self.told = _read(file)

    def write(self, mark: Mark) -> None:
        epoch, reserved_seq = self._reserved
        is_new_block = mark.epoch != epoch or mark.assigning_seq > reserved_seq
        if is_new_block:
            reserved_seq = mark.assigning_seq + RESERVED_AT_ONCE
        self._write(msgspec.structs.replace(mark, reserved_seq=reserved_seq), sync=is_new_block)
        self._reserved = (mark.epoch, reserved_seq)

    def close(self, mark: Mark | None) -> None:
        """Give the rest of the block back."""
        try:
            if mark is not None:
                self._write(msgspec.structs.replace(mark, reserved_seq=mark.assigning_seq), sync=True)
        finally:
            if self._descriptor >= 0:
                os.close(self._descriptor)
            self._descriptor = -1

    def _write(self, mark: Mark, *, sync: bool) -> None:
        content = msgspec.json.encode(mark)
        block = (b"%08x %b" % (zlib.crc32(content), content)).ljust(BLOCK_BYTES)
        if self._descriptor < 0:
            self._descriptor = _open(self._file)
        os.pwrite(self._descriptor, block, 0)
        if sync:
            os.fdatasync(self._descriptor)


def _open(file: Path) -> int:
    if file.is_dir():
        file.rename(file.with_name(f"{file.name}.aside-{os.getpid()}"))
    return os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _read(file: Path) -> Mark | None:
    """None where there is no file, or one that says nothing whole."""
    try:
        with file.open("rb") as stream:
            block = stream.read(BLOCK_BYTES).rstrip()
        content = block[9:]
        return msgspec.json.decode(content, type=Mark) if int(block[:8], 16) == zlib.crc32(content) else None
    except (OSError, ValueError):
        return None
