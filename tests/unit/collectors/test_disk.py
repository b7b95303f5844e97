import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from agent.collectors.collector import Partial
from agent.collectors.disk import Disk, Measured, each_once, measure_file_system, space_readings
from agent.collectors.patience import Patience
from agent.host import Host
from agent.mounts import FileSystem, Mount
from tests.unit.collectors.recordings import container, server_first


def space(*, blocks: int = 1000, free: int = 500, available: int = 400, inodes: int = 100) -> os.statvfs_result:
    return os.statvfs_result((4096, 4096, blocks, free, available, inodes, inodes // 4, 0, 0, 255))


def answer(system: FileSystem, prefix: bytes) -> Measured:
    assert prefix == b""
    return Measured(system.mounts[0], space())


def mount(point: str, *, kind: str = "ext4", inner_path: str = "/") -> Mount:
    return Mount("8:1", inner_path.encode(), point.encode(), kind, "/dev/sda1", read_only=False)


def test_usage_is_counted_as_df_does() -> None:
    readings = space_readings("/var", space())
    assert readings['disk.usage_percent{mount="/var"}'] == pytest.approx(100 * 500 / 900)
    assert readings['disk.total_bytes{mount="/var"}'] == 1000 * 4096
    assert readings['disk.used_bytes{mount="/var"}'] == 500 * 4096
    assert readings['disk.free_bytes{mount="/var"}'] == 400 * 4096
    assert readings['disk.inodes_usage_percent{mount="/var"}'] == 75.0
    assert readings['disk.inodes_total{mount="/var"}'] == 100
    assert readings['disk.inodes_free{mount="/var"}'] == 25


def test_a_full_file_system_is_at_100_percent() -> None:
    assert space_readings("/", space(free=50, available=0))['disk.usage_percent{mount="/"}'] == 100.0


def test_a_file_system_without_fixed_inodes_gives_none() -> None:
    assert not [name for name in space_readings("/", space(inodes=0)) if "inodes" in name]


def test_a_file_system_without_blocks_is_none() -> None:
    assert space_readings("/", space(blocks=0)) == {}


def test_each_file_system_of_a_server_is_reported_once() -> None:
    readings = Disk(answer).collect(server_first(), 0.0)
    assert [name for name in readings if name.startswith("disk.usage")] == [
        'disk.usage_percent{mount="/"}',
        'disk.usage_percent{mount="/var"}',
        'disk.usage_percent{mount="/mnt/back up"}',
    ]


def test_a_volume_on_the_disk_below_a_containers_root_is_not_counted_again() -> None:
    readings = Disk(answer).collect(container(1), 0.0)
    assert 'disk.usage_percent{mount="/"}' in readings
    assert 'disk.usage_percent{mount="/demo"}' in readings
    assert 'disk.usage_percent{mount="/data"}' not in readings


def test_a_volume_on_another_disk_is_counted() -> None:
    root = Measured(mount("/", kind="overlay"), space())
    volume = Measured(mount("/data", inner_path="/volumes/data"), space(blocks=5000))
    assert each_once([root, volume]) == [root, volume]


def test_a_hanging_mount_is_named_while_the_others_report() -> None:
    release, asked = threading.Event(), []

    def measure(system: FileSystem, prefix: bytes) -> Measured:
        point = system.mounts[0].point
        asked.append(point)
        if point == b"/mnt/back up":
            assert release.wait(30)
        return answer(system, prefix)

    disk = Disk(measure, Patience(enough_seconds=0.3, stall_seconds=0.02))
    for _ in range(2):
        with pytest.raises(Partial) as partial:
            disk.collect(server_first(), 0.0)
        assert list(partial.value.errors) == ['disk{mount="/mnt/back up"}']
        assert "did not answer within 0.3 s" in partial.value.errors['disk{mount="/mnt/back up"}']
        assert 'disk.usage_percent{mount="/var"}' in partial.value.readings
    release.set()
    assert asked.count(b"/mnt/back up") == 1


BELOW_NFS = (
    "1 0 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n"
    "2 1 0:44 / /mnt rw shared:2 - nfs4 server:/export rw\n"
    "3 2 8:2 / /mnt/deep/local rw shared:3 - xfs /dev/sdb1 rw\n"
    "4 1 8:3 / /mnt2 rw shared:4 - ext4 /dev/sdc1 rw\n"
)


def test_a_local_disk_below_a_dead_server_hangs_nobody(tmp_path: Path) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "self/mountinfo").write_text(BELOW_NFS)
    release, threads = threading.Event(), {}

    def measure(system: FileSystem, _prefix: bytes) -> Measured:
        threads[system.mounts[0].point] = threading.current_thread()
        if system.mounts[0].point.startswith(b"/mnt/") or system.mounts[0].kind == "nfs4":
            assert release.wait(30)
        return answer(system, _prefix)

    disk = Disk(measure, Patience(enough_seconds=0.3, stall_seconds=0.02))
    with pytest.raises(Partial) as partial:
        disk.collect(replace(server_first(), proc=tmp_path), 0.0)
    release.set()
    disk.close()
    assert sorted(partial.value.errors) == ['disk{mount="/mnt"}', 'disk{mount="/mnt/deep/local"}']
    assert 'disk.usage_percent{mount="/mnt2"}' in partial.value.readings
    assert threads[b"/"] is threads[b"/mnt2"] is threading.current_thread()  # the usual case needs no other one


def test_a_mount_that_may_not_be_read_is_named() -> None:
    def measure(system: FileSystem, prefix: bytes) -> Measured:
        if system.mounts[0].point == b"/var":
            raise PermissionError(13, "Permission denied")
        return answer(system, prefix)

    with pytest.raises(Partial) as partial:
        Disk(measure).collect(server_first(), 0.0)
    assert partial.value.errors == {'disk{mount="/var"}': "[Errno 13] Permission denied"}


def test_a_folder_is_asked_before_a_file(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("")
    (tmp_path / "volume").mkdir()
    file, folder = mount("/hosts", inner_path="/a"), mount("/volume", inner_path="/b")
    measured = measure_file_system(FileSystem((file, folder)), os.fsencode(tmp_path))
    assert measured is not None
    assert measured.mount is folder
    assert measure_file_system(FileSystem((file,)), os.fsencode(tmp_path)) is None


@pytest.fixture
def mounted_host(tmp_path: Path) -> Host:
    """A host seen through mounts; its /late was mounted after them."""
    lines = {"/": "254:0", "/var": "254:16", "/late": "254:32"}
    here = {str(tmp_path): "254:0", f"{tmp_path}/var": "254:16", "/": "0:39", "/late": "254:32"}
    for process, mounts in (("1", lines), ("self", here)):
        folder = tmp_path / "proc" / process
        folder.mkdir(parents=True)
        rows = [f"1 2 {device} / {point} rw - ext4 /dev/sda rw\n" for point, device in mounts.items()]
        (folder / "mountinfo").write_text("".join(rows))
    return Host(tmp_path / "proc", tmp_path / "sys", tmp_path, "host")


def test_a_mounted_hosts_paths_are_asked_below_the_mount_and_told_without_it(mounted_host: Host) -> None:
    prefixes = set()

    def measure(system: FileSystem, prefix: bytes) -> Measured:
        prefixes.add(prefix)
        return Measured(system.mounts[0], space())

    with pytest.raises(Partial) as partial:
        Disk(measure).collect(mounted_host, 0.0)
    usage = {name for name in partial.value.readings if name.startswith("disk.usage")}
    assert usage == {'disk.usage_percent{mount="/"}', 'disk.usage_percent{mount="/var"}'}
    assert prefixes == {os.fsencode(mounted_host.root)}
    assert list(partial.value.errors) == ['disk{mount="/late"}']


def test_a_mount_that_becomes_visible_is_reported(mounted_host: Host) -> None:
    disk = Disk(lambda system, _: Measured(system.mounts[0], space()))
    with pytest.raises(Partial):
        disk.collect(mounted_host, 0.0)
    with (mounted_host.proc / "self/mountinfo").open("a") as table:
        table.write(f"1 2 254:32 / {mounted_host.root}/late rw - ext4 /dev/sdc rw\n")
    assert 'disk.usage_percent{mount="/late"}' in disk.collect(mounted_host, 5.0)


def test_the_real_file_systems_of_this_machine_answer(tmp_path: Path) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "self/mountinfo").write_text("1 2 254:0 / / rw - ext4 /dev/sda rw\n")
    readings = Disk().collect(replace(server_first(), proc=tmp_path), 0.0)
    assert 0 <= readings['disk.usage_percent{mount="/"}'] <= 100
    assert readings['disk.total_bytes{mount="/"}'] > 0
