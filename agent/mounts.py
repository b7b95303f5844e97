"""The kernel's mount table, and which of its lines are file systems that can fill up."""

import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass

from rabbitmq.records import Scope

# Kinds that hold no files of their own, or images that are always full.
NEVER_FULL = frozenset(
    (
        "aufs",
        "autofs",
        "binder",
        "binfmt_misc",
        "bpf",
        "cgroup",
        "cgroup2",
        "configfs",
        "cpuset",
        "debugfs",
        "devfs",
        "devpts",
        "devtmpfs",
        "efivarfs",
        "fusectl",
        "hugetlbfs",
        "mqueue",
        "nfsd",
        "nsfs",
        "overlay",
        "proc",
        "pstore",
        "ramfs",
        "rpc_pipefs",
        "securityfs",
        "selinuxfs",
        "smackfs",
        "sysfs",
        "tracefs",
        "fuse.fuse-overlayfs",
        "fuse.gvfsd-fuse",
        "fuse.lxcfs",
        "fuse.portal",
        "fuse.snapfuse",
        "cramfs",
        "erofs",
        "iso9660",
        "romfs",
        "squashfs",
        "udf",
    )
)
KERNEL_FOLDERS = (b"/dev", b"/proc", b"/sys")
# Where systems and container engines keep memory file systems for themselves.
SYSTEM_TMPFS_FOLDERS = (
    b"/run",
    b"/var/run",
    b"/var/lib/docker",
    b"/var/lib/containerd",
    b"/var/lib/containers",
    b"/var/lib/kubelet",
)
_OCTAL = re.compile(rb"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of mountinfo. Paths are bytes, as the kernel keeps them; `device` is `major:minor`."""

    device: str
    inner_path: bytes  # the folder or file within the file system that is mounted
    point: bytes
    kind: str
    source: str
    read_only: bool


@dataclass(frozen=True, slots=True)
class FileSystem:
    """One file system, however often it is mounted: `mounts` are the places to ask for it, the best one first."""

    mounts: tuple[Mount, ...]

    @property
    def device(self) -> str:
        return self.mounts[0].device


def parse_mountinfo(table: bytes) -> list[Mount]:
    """Read `/proc/<pid>/mountinfo`; raises ValueError or IndexError when it is none."""
    return [_parse_line(line) for line in table.splitlines()]


def _parse_line(line: bytes) -> Mount:
    before, _, after = line.partition(b" - ")
    fields, (kind, source, *_) = before.split(b" "), after.split(b" ")
    return Mount(
        device=fields[2].decode("ascii"),
        inner_path=_unescape(fields[3]),
        point=_unescape(fields[4]),
        kind=kind.decode("ascii", "backslashreplace"),
        source=path_text(_unescape(source)),
        read_only=b"ro" in fields[5].split(b","),
    )


def file_systems(mounts: Iterable[Mount], scope: Scope) -> list[FileSystem]:
    """The file systems worth watching, each device once.

    1. A later mount hides an earlier one at the same place.
    2. What cannot fill up is left out; the overlay that is a container's root stays in a container.
    3. Mounts of one device are one file system. Its whole comes before its parts, short paths before long ones.
    """
    seen = {mount.point: mount for mount in mounts}
    by_device: dict[str, list[Mount]] = {}
    for mount in seen.values():
        if _can_fill_up(mount, scope):
            by_device.setdefault(mount.device, []).append(mount)
    return [FileSystem(tuple(sorted(group, key=_preference))) for group in by_device.values()]


def below_others(mounts: Iterable[Mount], kinds: Container[str]) -> frozenset[bytes]:
    """Where the mounts are whose path leads through a mount of a kind that is not among `kinds`."""
    kind_at = {mount.point: mount.kind for mount in mounts}  # a later mount hides an earlier one at the same place
    others = {point for point, kind in kind_at.items() if kind not in kinds}
    return frozenset(point for point in kind_at if not others.isdisjoint(_above(point)))


def path_text(path: bytes) -> str:
    """A path as text that every reader can take; bytes that are not UTF-8 become escapes."""
    return path.decode("utf-8", "backslashreplace")


def _can_fill_up(mount: Mount, scope: Scope) -> bool:
    if mount.kind == "overlay" and mount.point == b"/" and scope == "container":
        return True
    if mount.kind in NEVER_FULL or _is_within(mount.point, KERNEL_FOLDERS):
        return False
    if mount.kind == "tmpfs":  # a read-only one only masks the folder below it
        return not mount.read_only and not _is_within(mount.point, SYSTEM_TMPFS_FOLDERS)
    return True


def _is_within(point: bytes, folders: tuple[bytes, ...]) -> bool:
    return any(point == folder or point.startswith(folder + b"/") for folder in folders)


def _above(point: bytes) -> Iterator[bytes]:
    """The folders that a path leads through: of /a/b these are / and /a."""
    at = 0
    while at >= 0 and point != b"/":
        yield point[:at] or b"/"
        at = point.find(b"/", at + 1)


def _preference(mount: Mount) -> tuple[bool, int]:
    return mount.inner_path != b"/", len(mount.point)


def _unescape(field: bytes) -> bytes:
    return _OCTAL.sub(lambda escape: bytes([int(escape[1], 8)]), field)
