"""A disk that dies gives real errors, and after its repair holds what had been synced."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.disk import Disk
from faults.row import CannotRun


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    made = Disk(tmp_path, 16)
    try:
        made.make()
    except CannotRun as why:
        pytest.skip(str(why))
    yield made
    made.remove()


def test_a_dead_disk_answers_every_fsync_with_eio_and_keeps_what_was_synced(disk: Disk) -> None:
    file = os.open(disk.mount / "file", os.O_WRONLY | os.O_CREAT)
    os.write(file, b"synced")
    os.fsync(file)
    disk.break_down()
    for _ in range(2):
        os.pwrite(file, b"BROKEN", 0)
        with pytest.raises(OSError, match="Input/output error") as failure:
            os.fsync(file)
        assert failure.value.errno == errno.EIO
    os.close(file)
    disk.repair()
    assert (disk.mount / "file").read_bytes() == b"synced"
    (disk.mount / "file").write_bytes(b"written again")
    disk.sync()


def test_a_full_disk_is_told_from_one_with_room(disk: Disk) -> None:
    disk.fill()
    assert disk.is_full()
    disk.free()
    assert not disk.is_full()
