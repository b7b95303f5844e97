"""The agent's view of the operating system: which files show it, and whether they show the host or a container."""

import os
import platform
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.mounts import parse_mountinfo
from rabbitmq.records import Scope

CONTAINER_MARKERS = (".dockerenv", "run/.containerenv")
CONTAINER_CGROUPS = (b"/docker", b"/kubepods", b"/lxc", b"/libpod", b"/containerd", b"/machine.slice/libpod")
SYSTEMD_CGROUP = b"0::/init.scope"  # of process 1 as only a host sees it, or a container that boots a system of its own
LONGEST_NAME = 256
WRITTEN_IN_ONE_PIECE = frozenset({"stat", "meminfo", "loadavg", "uptime"})  # single_open in the kernel's fs/proc
_CHUNK_BYTES = 65536


@dataclass(frozen=True, slots=True)
class Host:
    """Where /proc, /sys and / are to be read. `reason` says in words why the scope is what it is."""

    proc: Path
    sys: Path
    root: Path
    scope: Scope
    reason: str = ""

    @classmethod
    def detect(cls, environment: Mapping[str, str], system_root: Path = Path("/")) -> "Host":
        """Decide what this agent reports.

        1. HEALTHMON_HOST_PROC, HEALTHMON_HOST_SYS and HEALTHMON_HOST_ROOT are set and mounted: the host.
        2. This process runs in a container: the container.
        3. Otherwise: the host it runs on.
        """
        mounted, why_not = _mounted_view(environment)
        if mounted is not None:
            return mounted
        proc, sysfs = system_root / "proc", system_root / "sys"
        container = _why_container(environment, system_root)
        scope: Scope = "host" if container is None else "container"
        reason = "; ".join(filter(None, (container or "no container around this process", why_not)))
        return cls(proc, sysfs, system_root, scope, reason)

    @property
    def is_mounted(self) -> bool:
        """Whether another system's files are read than those of this process' own namespaces."""
        return self.scope == "host" and str(self.root) != "/"

    def read_proc(self, name: str) -> bytes:
        """The content of one file below /proc, which stays open for the next time; raises OSError."""
        return read_held(f"{self.proc}/{name}", in_one_piece=name in WRITTEN_IN_ONE_PIECE)

    def host_name(self) -> str:
        """The name people call the host, or the container in its own scope."""
        return (self.is_mounted and self._mounted_name()) or plain_name(platform.node())

    def _mounted_name(self) -> str:
        try:
            return plain_name(read_file(f"{self.root}/etc/hostname").decode("utf-8", "backslashreplace"))
        except OSError:
            return ""

    def boot_id(self) -> str:
        """What changes with each boot and never within one; empty where the system tells none."""
        try:
            return self.read_proc("sys/kernel/random/boot_id").decode("ascii").strip()
        except OSError:
            return ""


def plain_name(text: str) -> str:
    """The name as records carry it: what cannot be printed is left out, and what is too long is cut."""
    return "".join(filter(str.isprintable, text)).strip()[:LONGEST_NAME]


def boot_seconds() -> float:
    """Seconds since boot, sleep included where the system counts it: the clock that is never set."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if sys.platform == "linux" else time.monotonic()


def read_file(path: str) -> bytes:
    """All of a small file, without the layers that cost more than reading it; raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        content = chunk = os.read(descriptor, _CHUNK_BYTES)
        while chunk:
            chunk = os.read(descriptor, _CHUNK_BYTES)
            content += chunk
        return content
    finally:
        os.close(descriptor)


_held: dict[str, int] = {}  # descriptors of files that the kernel writes anew for each reader


def read_held(path: str, *, in_one_piece: bool = False) -> bytes:
    """As `read_file`, but the kernel's own files, which have no size, stay open: opening costs more than reading.

    What the kernel writes `in_one_piece` is not asked for a rest: it would write all anew to say that there is none.
    """
    descriptor = _held.get(path)
    if descriptor is None:
        content = read_file(path)
        if content and os.stat(path).st_size == 0:  # noqa: PTH116 - no Path per collection
            _held[path] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        return content
    content = chunk = os.pread(descriptor, _CHUNK_BYTES, 0)
    if in_one_piece and len(content) < _CHUNK_BYTES:
        return content
    while chunk:
        chunk = os.pread(descriptor, _CHUNK_BYTES, len(content))
        content += chunk
    return content


def _mounted_view(environment: Mapping[str, str]) -> tuple[Host | None, str]:
    """The host's view through mounted folders, or why there is none (empty when none was asked for)."""
    names = ("HEALTHMON_HOST_PROC", "HEALTHMON_HOST_SYS", "HEALTHMON_HOST_ROOT")
    paths = {name: environment[name] for name in names if environment.get(name)}
    if not paths:
        return None, ""
    missing = [name for name in names if name not in paths]
    if missing:
        return None, f"the host is not reported: {', '.join(missing)} is not set"
    proc, sysfs, root = (Path(paths[name]) for name in names)
    signs = {names[0]: proc / "1/stat", names[1]: sysfs / "block", names[2]: root / "etc"}
    for name, sign in signs.items():
        if not sign.exists():
            return None, f"the host is not reported: {name}={paths[name]} is not mounted ({sign} is missing)"
    return Host(proc, sysfs, root, "host", f"the host's files are mounted at {proc}, {sysfs} and {root}"), ""


def _why_container(environment: Mapping[str, str], system_root: Path) -> str | None:
    """The sign that this process runs in a container, or None.

    A marker file alone is no sign: machine images made from container images carry it, too. It counts where / is only
    a folder of some larger file system. Nor is an overlay as /, which some hosts have to keep their disk as it is: not
    where process 1 is the system's own and no engine left its mark.
    """
    if environment.get("container"):
        return f"a container of {environment['container']} (variable container)"
    try:
        cgroups = read_file(f"{system_root}/proc/1/cgroup")
        mounts = parse_mountinfo(read_file(f"{system_root}/proc/self/mountinfo"))
    except OSError:
        return None
    if any(sign in cgroups for sign in CONTAINER_CGROUPS):
        return "a container: process 1 is in a container engine's control group"
    root = next((mount for mount in reversed(mounts) if mount.point == b"/"), None)
    marked = any((system_root / marker).exists() for marker in CONTAINER_MARKERS)
    is_overlay = root is not None and root.kind in ("overlay", "fuse.fuse-overlayfs")
    if is_overlay and (marked or SYSTEMD_CGROUP not in cgroups.split()):
        return "a container: / is an overlay"
    return "a container: marked by its engine" if marked and root and root.inner_path != b"/" else None
