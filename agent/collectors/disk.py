"""How full the file systems are."""

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass

from agent.collectors.collector import EVERYWHERE, Fact, Partial, labelled
from agent.collectors.mount_table import MountTable
from agent.collectors.patience import Patience, Unanswered
from agent.host import Host
from agent.mounts import FileSystem, Mount, below_others, file_systems, parse_mountinfo, path_text
from rabbitmq.records import Readings

FACTS = (
    Fact(
        metric="disk.usage_percent",
        label="mount",
        unit="%",
        meaning="Used of what users can have, as df counts it: space reserved for root is left out.",
        opentelemetry="system.filesystem.utilization",
        platform=EVERYWHERE,
    ),
    Fact(
        metric="disk.total_bytes",
        label="mount",
        unit="B",
        meaning="Size of the file system, reserved space included.",
        opentelemetry="system.filesystem.limit",
        platform=EVERYWHERE,
    ),
    Fact(
        metric="disk.used_bytes",
        label="mount",
        unit="B",
        meaning="Space in use.",
        opentelemetry="system.filesystem.usage (system.filesystem.state=used)",
        platform=EVERYWHERE,
    ),
    Fact(
        metric="disk.free_bytes",
        label="mount",
        unit="B",
        meaning="Space that users can still have.",
        opentelemetry="system.filesystem.usage (system.filesystem.state=free)",
        platform=EVERYWHERE,
    ),
    Fact(
        metric="disk.inodes_usage_percent",
        label="mount",
        unit="%",
        meaning="Inodes in use; not given where the file system has no fixed number of them.",
        opentelemetry="healthmon.system.filesystem.inodes.utilization",
    ),
    Fact(
        metric="disk.inodes_total",
        label="mount",
        unit="inodes",
        meaning="Inodes of the file system: how many files and folders it can hold.",
        opentelemetry="healthmon.system.filesystem.inodes.limit",
    ),
    Fact(
        metric="disk.inodes_free",
        label="mount",
        unit="inodes",
        meaning="Inodes that are left.",
        opentelemetry="healthmon.system.filesystem.inodes.free",
    ),
)

# their counters of free space are in the kernel's memory; a thread for each question would cost more than the answer
ANSWER_FROM_MEMORY = frozenset({"btrfs", "ext2", "ext3", "ext4", "f2fs", "overlay", "tmpfs", "vfat", "xfs"})
MOUNTED_TOO_LATE = "mounted after the agent's container started; restart the agent's container to see it"


@dataclass(frozen=True, slots=True)
class Measured:
    """One file system's answer: the folder it is mounted at, and its space."""

    mount: Mount
    space: "os.statvfs_result"


Measure = Callable[[FileSystem, bytes], Measured | None]


class Disk:
    """Space and inodes of each file system, asked with a deadline. `measure` asks one; tests hand in their own."""

    name = "disk"
    period_seconds = None
    facts = FACTS

    def __init__(self, measure: Measure | None = None, patience: Patience[Measured | None] | None = None) -> None:
        self._measure = measure or measure_file_system
        self._patience: Patience[Measured | None] = patience or Patience()
        self._mount_table = MountTable()
        self._table = b""
        self._file_systems: dict[str, FileSystem] = {}
        self._below_others: frozenset[bytes] = frozenset()
        self._unseen: list[str] = []

    def collect(self, host: Host, now_seconds: float) -> Readings:  # noqa: ARG002 - no rate
        prefix = mount_prefix(host)
        self._look_at_mounts(host)
        answers = self._ask(prefix)
        errors = {self._part(mount): MOUNTED_TOO_LATE for mount in self._unseen}
        errors |= {self._part(mount): no.reason for mount, no in answers.items() if isinstance(no, Unanswered)}
        measured = [answer for answer in answers.values() if isinstance(answer, Measured)]
        readings: Readings = {}
        for each in each_once(measured):
            readings.update(space_readings(path_text(each.mount.point), each.space))
        if errors:
            raise Partial(readings, errors)
        return readings

    def close(self) -> None:
        """End the threads behind it and let the mount table go, until the next collection. What still owes an answer is
        not asked again before it gave it."""
        self._patience.close()
        self._mount_table.close()

    def _ask(self, prefix: bytes) -> dict[str, Measured | Unanswered | None]:
        """Local file systems answer from memory and are asked at once; what may hang gets a deadline."""
        answers: dict[str, Measured | Unanswered | None] = {}
        may_hang: dict[str, Callable[[], Measured | None]] = {}
        for mount, system in self._file_systems.items():
            if self._may_hang(system):
                may_hang[mount] = self._question(system, prefix)
            else:
                answers[mount] = self._ask_now(system, prefix)
        return answers | self._patience.ask(may_hang) if may_hang else answers

    def _may_hang(self, system: FileSystem) -> bool:
        """One that does not answer from memory, or one that is reached through such a one: the path alone asks it."""
        return any(each.kind not in ANSWER_FROM_MEMORY or each.point in self._below_others for each in system.mounts)

    def _ask_now(self, system: FileSystem, prefix: bytes) -> Measured | Unanswered | None:
        try:
            return self._measure(system, prefix)
        except OSError as error:
            return Unanswered(str(error))

    def _question(self, system: FileSystem, prefix: bytes) -> Callable[[], Measured | None]:
        return lambda: self._measure(system, prefix)

    def _part(self, mount: str) -> str:
        return labelled(self.name, "mount", mount)

    def _look_at_mounts(self, host: Host) -> None:
        """Read the mount table anew when it changed, or while the host has a mount that is not seen from here."""
        table = self._mount_table.read(host)
        if table == self._table and not self._unseen:
            return
        mounts = parse_mountinfo(table)
        found = file_systems(mounts, host.scope)
        self._below_others = below_others(mounts, ANSWER_FROM_MEMORY)
        seen = seen_from_here(found, host)
        self._file_systems = {path_text(system.mounts[0].point): system for system in seen}
        devices = {system.device for system in seen}
        self._unseen = [path_text(system.mounts[0].point) for system in found if system.device not in devices]
        self._table = table


def mount_prefix(host: Host) -> bytes:
    """Where the reported system's / is found: empty, or like /host/root."""
    return os.fsencode(host.root) if host.is_mounted else b""


def seen_from_here(found: list[FileSystem], host: Host) -> list[FileSystem]:
    """Those that are mounted here, too. A path alone proves nothing: below it another file system may show."""
    if not host.is_mounted:
        return found
    prefix = mount_prefix(host)
    own = {mount.point: mount.device for mount in parse_mountinfo(host.read_proc("self/mountinfo"))}

    def shows(mount: Mount) -> bool:
        return own.get((prefix + mount.point).rstrip(b"/")) == mount.device

    visible = (FileSystem(tuple(filter(shows, system.mounts))) for system in found)
    return [system for system in visible if system.mounts]


def measure_file_system(system: FileSystem, prefix: bytes) -> Measured | None:
    """Ask the first of its mounts that is a folder; None when it only lies over single files. Raises OSError."""
    for mount in system.mounts:
        path = prefix + mount.point
        if stat.S_ISDIR(os.stat(path).st_mode):  # noqa: PTH116 - a path of bytes
            return Measured(mount, os.statvfs(path))
    return None


def each_once(measured: list[Measured]) -> list[Measured]:
    """Leave out the parts of the disk that already shows as a container's /.

    An overlay has a device number of its own but tells the space of the disk it is kept on. A folder of that disk,
    like a volume, can be known by nothing but the same size.
    """
    overlays = {_size(each) for each in measured if each.mount.kind == "overlay"}
    return [each for each in measured if each.mount.inner_path == b"/" or _size(each) not in overlays]


def _size(each: Measured) -> tuple[int, int, int]:
    return each.space.f_frsize, each.space.f_blocks, each.space.f_files


def space_readings(mount: str, space: "os.statvfs_result") -> Readings:
    """Readings of one file system; none when it has no blocks, as one that only looks like one."""
    if space.f_blocks == 0:
        return {}
    used, available = space.f_blocks - space.f_bfree, space.f_bavail
    readings = {
        labelled("disk.usage_percent", "mount", mount): 100 * used / max(1, used + available),
        labelled("disk.total_bytes", "mount", mount): float(space.f_blocks * space.f_frsize),
        labelled("disk.used_bytes", "mount", mount): float(used * space.f_frsize),
        labelled("disk.free_bytes", "mount", mount): float(available * space.f_frsize),
    }
    if space.f_files > 0:
        taken = space.f_files - space.f_ffree
        readings[labelled("disk.inodes_usage_percent", "mount", mount)] = 100 * taken / space.f_files
        readings[labelled("disk.inodes_total", "mount", mount)] = float(space.f_files)
        readings[labelled("disk.inodes_free", "mount", mount)] = float(space.f_ffree)
    return readings
