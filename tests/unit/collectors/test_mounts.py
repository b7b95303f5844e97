import pytest

from agent.mounts import FileSystem, below_others, file_systems, parse_mountinfo
from rabbitmq.records import Scope
from tests.unit.collectors.recordings import container, server_first


def points(systems: list[FileSystem]) -> list[bytes]:
    return [system.mounts[0].point for system in systems]


def watched(lines: str, scope: Scope = "host") -> list[bytes]:
    return points(file_systems(parse_mountinfo(lines.encode()), scope))


def line(point: str, *, kind: str = "ext4", device: str = "8:1", inner_path: str = "/", options: str = "rw") -> str:
    return f"1 2 {device} {inner_path} {point} {options},relatime shared:1 - {kind} /dev/sda1 rw\n"


def test_a_server_has_each_of_its_disks_once() -> None:
    mounts = parse_mountinfo(server_first().read_proc("self/mountinfo"))
    assert points(file_systems(mounts, "host")) == [b"/", b"/var", b"/mnt/back up"]


def test_a_container_has_its_overlay_its_memory_file_system_and_its_volume() -> None:
    mounts = parse_mountinfo(container(1).read_proc("self/mountinfo"))
    assert points(file_systems(mounts, "container")) == [b"/", b"/data", b"/demo"]


def test_all_mounts_of_a_device_are_kept_as_places_to_ask() -> None:
    (system,) = file_systems(parse_mountinfo((line("/srv", inner_path="/www") + line("/long/way")).encode()), "host")
    assert [mount.point for mount in system.mounts] == [b"/long/way", b"/srv"]


def test_overlays_are_left_out_on_a_host() -> None:
    assert watched(line("/", kind="overlay"), "host") == []


def test_an_overlay_below_the_root_of_a_container_is_left_out() -> None:
    assert watched(line("/var/lib/docker/overlay2/1/merged", kind="overlay"), "container") == []


def test_a_later_mount_hides_an_earlier_one_at_the_same_place() -> None:
    assert watched(line("/mnt") + line("/mnt", kind="proc", device="0:5")) == []


@pytest.mark.parametrize(
    "point", ["/dev/shm", "/run", "/run/user/0", "/sys/firmware", "/var/lib/docker/containers/shm"]
)
def test_memory_file_systems_of_the_system_are_left_out(point: str) -> None:
    assert watched(line(point, kind="tmpfs")) == []


@pytest.mark.parametrize("point", ["/demo", "/tmp", "/running"])
def test_other_memory_file_systems_are_watched(point: str) -> None:
    assert watched(line(point, kind="tmpfs")) == [point.encode()]


def test_a_memory_file_system_that_masks_a_folder_is_left_out() -> None:
    assert watched(line("/secret", kind="tmpfs", options="ro")) == []


def test_a_disk_that_became_read_only_is_still_watched() -> None:
    assert watched(line("/data", options="ro")) == [b"/data"]


@pytest.mark.parametrize("kind", ["squashfs", "iso9660", "proc", "cgroup2", "autofs", "nsfs"])
def test_what_cannot_fill_up_is_left_out(kind: str) -> None:
    assert watched(line("/somewhere", kind=kind)) == []


def test_disks_under_run_are_watched() -> None:
    assert watched(line("/run/media/disk")) == [b"/run/media/disk"]


def test_escapes_of_the_kernel_are_undone() -> None:
    (mount,) = parse_mountinfo(line("/a\\040b\\134c").encode())
    assert mount.point == b"/a b\\c"


def test_a_mount_without_optional_fields_is_read() -> None:
    (mount,) = parse_mountinfo(b"27 1 254:0 / / ro,relatime - ext4 /dev/vda rw")
    assert (mount.device, mount.kind, mount.source, mount.read_only) == ("254:0", "ext4", "/dev/vda", True)


@pytest.mark.parametrize(
    ("lines", "below"),
    [
        (line("/") + line("/srv") + line("/srv/www", kind="xfs"), set()),
        (line("/") + line("/srv", kind="nfs4") + line("/srv/a/b", kind="xfs"), {b"/srv/a/b"}),
        (line("/") + line("/srv", kind="nfs4") + line("/srv2"), set()),
        (line("/net", kind="autofs") + line("/net/host", kind="nfs"), {b"/net/host"}),
        (line("/", kind="zfs") + line("/boot"), {b"/boot"}),
        (line("/srv", kind="nfs4") + line("/srv") + line("/srv/a"), set()),  # hidden by what is mounted over it
    ],
)
def test_a_path_that_leads_through_a_mount_of_another_kind_is_known(lines: str, below: set[bytes]) -> None:
    assert below_others(parse_mountinfo(lines.encode()), {"ext4", "xfs"}) == below
