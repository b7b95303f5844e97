"""A small ext4 file system of our own on a loop device: to be filled, made read-only, or cut from its power."""

import errno
import fcntl
import os
import shutil
import struct
import subprocess
from pathlib import Path

from faults.row import CannotRun
from tests.waiting import wait_for

FILLER = "filler"
GET_STATUS, SET_STATUS = 0x4C05, 0x4C04  # <linux/loop.h>
STATUS_BYTES, SIZE_LIMIT_AT = 232, 32
ONE_PAGE_BYTES = BLOCK_BYTES = 4096
COMMAND_SECONDS = 120.0  # for what takes a second on a disk that is well
MENDED = (0, 1)  # what e2fsck ends with when the file system is good, by itself or by now


class Disk:
    """Mounted at `mount`, backed by the file `image`."""

    def __init__(self, folder: Path, size_megabytes: int) -> None:
        self.mount, self._image = folder / "mount", folder / "image"
        self._size_bytes = size_megabytes * 1024 * 1024

    def make(self) -> None:
        """Raises CannotRun where this machine does not let us."""
        if os.geteuid() != 0 or not shutil.which("mkfs.ext4"):
            raise CannotRun("needs root and mkfs.ext4")
        self.mount.mkdir(parents=True)
        with self._image.open("wb") as image:
            image.truncate(self._size_bytes)
        try:
            _run("mkfs.ext4", "-q", "-m", "0", str(self._image))
            self._mount()
        except subprocess.CalledProcessError as error:
            raise CannotRun(f"loop-mounted ext4: {error.stderr.decode().strip()}") from error

    def remove(self) -> None:
        """Also while a process that is just being ended has a file open there."""
        subprocess.run(["umount", "--lazy", str(self.mount)], check=False, capture_output=True, timeout=COMMAND_SECONDS)

    def fill(self) -> None:
        """Until not one more byte fits."""
        with (self.mount / FILLER).open("ab", buffering=0) as filler:
            for size_bytes in (1024 * 1024, 4096, 1):
                self._write_until_full(filler.fileno(), bytes(size_bytes))
            os.fsync(filler.fileno())

    def is_full(self) -> bool:
        """Whether a write is refused for want of room."""
        try:
            with (self.mount / FILLER).open("ab", buffering=0) as filler:
                filler.write(bytes(BLOCK_BYTES))
                os.fsync(filler.fileno())
        except OSError as error:
            return error.errno == errno.ENOSPC
        return False

    def free(self) -> None:
        (self.mount / FILLER).unlink()

    def make_read_only(self) -> None:
        """Refused by the kernel while a file is open for writing."""
        _run("mount", "-o", "remount,ro", str(self.mount))

    def make_writable(self) -> None:
        _run("mount", "-o", "remount,rw", str(self.mount))

    def break_down(self) -> None:
        """From now on the device answers every read and write with EIO, all but those of its first page."""
        (device,) = _run("losetup", "-j", str(self._image), "--noheadings", "--output", "NAME").split()
        descriptor = os.open(device, os.O_RDWR)
        try:
            status = bytearray(STATUS_BYTES)
            fcntl.ioctl(descriptor, GET_STATUS, status)
            struct.pack_into("=Q", status, SIZE_LIMIT_AT, ONE_PAGE_BYTES)
            fcntl.ioctl(descriptor, SET_STATUS, bytes(status))
        finally:
            os.close(descriptor)

    def repair(self) -> None:
        """Nobody may use the disk; it then holds what had reached it, as its operator finds it after a check."""
        wait_for(self._is_unmounted, "nobody uses the broken disk")
        command = ("e2fsck", "-p", str(self._image))
        checked = subprocess.run(command, check=False, capture_output=True, timeout=COMMAND_SECONDS)
        assert checked.returncode in MENDED, f"e2fsck: {checked.stdout.decode()}"
        self._mount()

    def sync(self) -> None:
        """What was written up to now is on the disk, as it is after any minute."""
        _run("sync", "--file-system", str(self.mount))

    def image_of_now(self) -> Path:
        """What would be on the disk if the power went now: nothing is synced for it, the system goes on."""
        cut = self._image.with_name("cut")
        _run("cp", "--reflink=never", str(self._image), str(cut))
        return cut

    def start_from(self, image: Path) -> None:
        """Nobody may use the disk; it then holds what `image` holds, its journal replayed."""
        _run("umount", str(self.mount))
        image.replace(self._image)
        self._mount()

    def _mount(self) -> None:
        _run("mount", "-o", "loop", str(self._image), str(self.mount))

    def _is_unmounted(self) -> bool:
        command = ("umount", str(self.mount))
        return subprocess.run(command, check=False, capture_output=True, timeout=COMMAND_SECONDS).returncode == 0

    def _write_until_full(self, descriptor: int, block: bytes) -> None:
        try:
            while os.write(descriptor, block) == len(block):
                pass
        except OSError:
            return


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, timeout=COMMAND_SECONDS).stdout.decode()
