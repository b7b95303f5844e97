"""On a real ext4 without a free block: the spool works, drops and names, is killed and starts again there."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from agent.identity import claim_identity
from agent.spool import Spool
from agent.spool_file import LOG_BYTES, log_of
from agent.spool_refuge import SpoolWithRefuge
from rabbitmq.records import AnyRecord
from tests.unit.agent.spools import crash, decoded, losses, named
from tests.unit.agent.stamping import snapshot_of, stamper

MEBIBYTE = 1024 * 1024
BOUND_BYTES = MEBIBYTE
DISK_BYTES = 61024 * 1024


def why_not() -> str:
    """Empty where a disk can be made and mounted."""
    if os.geteuid() != 0:
        return "needs root to mount a disk"
    missing = [program for program in ("mkfs.ext4", "mount", "umount") if shutil.which(program) is None]
    return f"needs {', '.join(missing)}" if missing else ""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    if why_not():
        pytest.skip(why_not())
    image, folder = tmp_path / "image", tmp_path / "disk"
    with image.open("wb") as stream:
        stream.truncate(DISK_BYTES)
    folder.mkdir()
    subprocess.run(["mkfs.ext4", "-q", "-b", "4096", "-m", "0", image], check=True, capture_output=True)
    mounted = subprocess.run(["mount", "-o", "loop", image, folder], check=False, capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"mount does not work here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path, *, but_bytes: int = 0) -> None:
    """Take every block that is left, or leave these."""
    descriptor = os.open(disk / "filler", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with suppress(OSError):
        while os.statvfs(disk).f_bavail * 4096 > but_bytes:
            os.write(descriptor, bytes(4096))
    os.close(descriptor)
    assert os.statvfs(disk).f_bavail * 4096 <= but_bytes


def open_on(disk: Path, clock: list[float]) -> SpoolWithRefuge:
    return SpoolWithRefuge(disk / "spool.sqlite3", stamper(), bound_bytes=BOUND_BYTES, clock=lambda: clock[0])


def keep(spool: SpoolWithRefuge, count: int) -> None:
    for _ in range(count):
        spool.append(snapshot_of(1500))
    assert spool.errors == {}


def test_it_works_on_a_full_disk_and_starts_again_there(disk: Path) -> None:
    clock = [0.0]
    spool = open_on(disk, clock)
    keep(spool, 10)
    fill(disk)
    keep(spool, 500)
    crash(spool._active)
    spool = open_on(disk, clock)
    keep(spool, 400)
    spool.close()
    spool = open_on(disk, clock)
    keep(spool, 100)
    epoch, last_seq = spool.epoch, spool.last_seq
    assert last_seq >= 1010
    assert spool.lost_count > 0
    records: list[AnyRecord] = []
    while batch := spool.take_oldest(100, 1 << 20):
        records.extend(decoded(row.body) for row in batch.rows)
    kept = {(record.epoch, record.seq) for record in records}
    assert named(losses(records)) | kept == {(epoch, seq) for seq in range(1, last_seq + 1)}
    assert len(losses(records)) < 100
    spool.close()


def test_one_that_begins_on_a_full_disk_goes_on_in_memory_until_there_is_room(disk: Path) -> None:
    clock = [0.0]
    fill(disk)
    spool = open_on(disk, clock)
    spool.append(snapshot_of(1500))
    assert "full" in spool.errors["spool"] or "No space" in spool.errors["spool"]
    (disk / "filler").unlink()
    clock[0] += 60
    spool.append(snapshot_of(1500))
    assert spool.errors == {}
    assert spool.count == 2
    spool.close()


def test_one_that_was_made_with_little_room_works_on_a_full_disk_with_what_it_got(disk: Path) -> None:
    fill(disk, but_bytes=12 * MEBIBYTE)
    spool = SpoolWithRefuge(disk / "spool.sqlite3", stamper(), bound_bytes=16 * MEBIBYTE)
    fill(disk)
    keep(spool, 3000)
    assert spool.lost_count > 0
    spool.close()


def test_a_damaged_one_is_saved_where_little_room_is_left(disk: Path) -> None:
    file = disk / "spool.sqlite3"
    spool = Spool(file, stamper(), bound_bytes=16 * MEBIBYTE)
    for _ in range(2000):
        spool.append(snapshot_of(3000))
    spool.close()
    fill(disk, but_bytes=18 * MEBIBYTE)
    with file.open("r+b") as stream:
        stream.seek(file.read_bytes().index(b'"seq":1000,') // 4096 * 4096)
        stream.write(bytes(4096))
    again = open_on(disk, [0.0])
    assert again.errors == {}
    assert again.count > 200
    again.close()
    assert log_of(file).stat().st_size == LOG_BYTES


def test_a_disk_that_turns_read_only_and_back_loses_nothing(disk: Path) -> None:
    clock = [0.0]
    spool = open_on(disk, clock)
    keep(spool, 5)
    spool.close()
    claim_identity(disk).release()
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    claim_identity(disk).release()
    spool = open_on(disk, clock)
    for _ in range(5):
        spool.append(snapshot_of(1500))
    assert "readonly" in spool.errors["spool"] or "Read-only" in spool.errors["spool"]
    subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    clock[0] += 60
    spool.append(snapshot_of(1500))
    assert spool.errors == {}
    assert spool.count == 11
    spool.close()
