"""What the container's own control group says, in version 1 and 2: its use of CPU, memory and disks, and its limits."""

import os
from dataclasses import dataclass

from agent.host import Host, read_file

NO_LIMIT_FROM_BYTES = 2**60  # version 1 writes "no limit" as a number near 2**63
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


@dataclass(frozen=True, slots=True)
class CpuUse:
    """CPU time used so far, and how many cores' worth may be used at most (None: no limit)."""

    used_seconds: float
    user_seconds: float
    system_seconds: float
    limit_cores: float | None


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """Memory in bytes; `used_bytes` leaves out file pages that can be dropped at once. A limit of None: none is set."""

    used_bytes: float
    cached_bytes: float
    limit_bytes: float | None
    swap_used_bytes: float
    swap_limit_bytes: float | None


class Cgroup:
    """The control group of the container this process runs in.

    Its folder is the process' own path below /sys/fs/cgroup where the whole tree is shown, or that mount itself, as
    most engines show a container only its own.
    """

    def __init__(self, host: Host) -> None:
        self._mount = f"{host.sys}/fs/cgroup"
        lines = host.read_proc("self/cgroup").decode("utf-8", "backslashreplace").splitlines()
        groups = (line.split(":", 2)[1:] for line in lines)
        self._paths = {controller: path for controllers, path in groups for controller in controllers.split(",")}
        self.is_version_2 = os.path.exists(f"{self._mount}/cgroup.controllers")  # noqa: PTH110 - no Path per collection

    def cpu(self) -> CpuUse:
        """CPU use; raises OSError when the files are missing."""
        return self._cpu_2() if self.is_version_2 else self._cpu_1()

    def memory(self) -> MemoryUse:
        """Memory use; raises OSError when the files are missing."""
        return self._memory_2() if self.is_version_2 else self._memory_1()

    def disk_io(self) -> dict[str, tuple[float, ...]]:
        """By device `major:minor`: bytes read, bytes written, reads, writes so far; raises OSError."""
        return self._disk_io_2() if self.is_version_2 else self._disk_io_1()

    def _cpu_2(self) -> CpuUse:
        used = _pairs(self._read("", "cpu.stat"))
        quota, period = self._read_or("", "cpu.max", b"max 100000").split()
        limit = None if quota == b"max" else float(quota) / float(period)
        return CpuUse(used["usage_usec"] / 1e6, used["user_usec"] / 1e6, used["system_usec"] / 1e6, limit)

    def _cpu_1(self) -> CpuUse:
        modes = _pairs(self._read("cpuacct", "cpuacct.stat"))
        quota = float(self._read("cpu", "cpu.cfs_quota_us"))
        return CpuUse(
            used_seconds=float(self._read("cpuacct", "cpuacct.usage")) / 1e9,
            user_seconds=modes["user"] / TICKS_PER_SECOND,
            system_seconds=modes["system"] / TICKS_PER_SECOND,
            limit_cores=quota / float(self._read("cpu", "cpu.cfs_period_us")) if quota > 0 else None,
        )

    def _memory_2(self) -> MemoryUse:
        details = _pairs(self._read("", "memory.stat"))
        return MemoryUse(
            used_bytes=max(0.0, float(self._read("", "memory.current")) - details["inactive_file"]),
            cached_bytes=details["file"],
            limit_bytes=_limit(self._read("", "memory.max")),
            swap_used_bytes=float(self._read_or("", "memory.swap.current", b"0")),
            swap_limit_bytes=_limit(self._read_or("", "memory.swap.max", b"max")),
        )

    def _memory_1(self) -> MemoryUse:
        details = _pairs(self._read("memory", "memory.stat"))
        limit = _limit(self._read("memory", "memory.limit_in_bytes"))
        both = _limit(self._read_or("memory", "memory.memsw.limit_in_bytes", b"max"))
        return MemoryUse(
            used_bytes=max(
                0.0, float(self._read("memory", "memory.usage_in_bytes")) - details.get("total_inactive_file", 0.0)
            ),
            cached_bytes=details.get("total_cache", 0.0),
            limit_bytes=limit,
            swap_used_bytes=details.get("total_swap", 0.0),
            swap_limit_bytes=None if both is None or limit is None else both - limit,
        )

    def _disk_io_2(self) -> dict[str, tuple[float, ...]]:
        devices = {}
        for line in self._read("", "io.stat").decode("ascii").splitlines():
            device, *pairs = line.split()
            counts = {name: float(value) for name, _, value in (pair.partition("=") for pair in pairs)}
            devices[device] = tuple(counts.get(name, 0.0) for name in ("rbytes", "wbytes", "rios", "wios"))
        return devices

    def _disk_io_1(self) -> dict[str, tuple[float, ...]]:
        sizes = _by_operation(self._read("blkio", "blkio.throttle.io_service_bytes"))
        counts = _by_operation(self._read("blkio", "blkio.throttle.io_serviced"))
        return {device: sizes[device] + counts.get(device, (0.0, 0.0)) for device in sizes}

    def _read(self, controller: str, name: str) -> bytes:
        folder = f"{self._mount}/{controller}"
        try:
            return read_file(f"{folder}{self._paths.get(controller, '')}/{name}")
        except FileNotFoundError:
            return read_file(f"{folder}/{name}")

    def _read_or(self, controller: str, name: str, otherwise: bytes) -> bytes:
        try:
            return self._read(controller, name)
        except OSError:
            return otherwise


def _pairs(content: bytes) -> dict[str, float]:
    return {line.split()[0].decode("ascii"): float(line.split()[1]) for line in content.splitlines()}


def _limit(content: bytes) -> float | None:
    written = content.strip()
    return None if written == b"max" or float(written) >= NO_LIMIT_FROM_BYTES else float(written)


def _by_operation(content: bytes) -> dict[str, tuple[float, ...]]:
    """Lines like `254:0 Read 4096` as device -> (read, written)."""
    found: dict[str, dict[str, float]] = {}
    for fields in (line.split() for line in content.decode("ascii").splitlines()):
        if len(fields) == 3:  # the last line is a total without a device
            found.setdefault(fields[0], {})[fields[1]] = float(fields[2])
    return {device: (counts.get("Read", 0.0), counts.get("Write", 0.0)) for device, counts in found.items()}
