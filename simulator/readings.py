"""The readings of an imagined host, under the names that a true agent gives them: two cores, two disks, one network."""

from functools import cache

from rabbitmq.readings import reading_name
from rabbitmq.records import Disk, Filesystem, Interface, Processor, Readings, System
from simulator.levels import Levels

GIB = 1024**3
MEMORY_BYTES = 8 * GIB
SWAP_BYTES = 2 * GIB
MOUNT_BYTES = {"/": 40 * GIB, "/var": 160 * GIB}
INODES = {"/": 2_621_440, "/var": 10_485_760}
BYTES_PER_FILE = 65_536
CORES = 2
DEVICE, INTERFACE = "sda", "eth0"
PACKET_BYTES = 900.0
LINK_BYTES_PER_SECOND = 12_500_000.0
DISK_BYTES_PER_SECOND = 40_000_000.0
STATES = {"running": 1, "sleeping": 120, "blocked": 0, "zombie": 0, "stopped": 0, "idle": 60}


def readings(levels: Levels, uptime_seconds: float) -> Readings:
    """All that follows from the levels; a share of the CPU stands for how much the host does at all."""
    return {
        **_cpu(levels.cpu),
        **_memory(levels.memory),
        **_mount("/", levels.root),
        **_mount("/var", levels.var),
        **_disk_io(levels.cpu / 100),
        **_network(levels.cpu / 100),
        **_processes(levels.cpu),
        "system.uptime_seconds": uptime_seconds,
    }


def system(name: str, boot_time_seconds: float) -> System:
    """What the host would be, were it there."""
    return System(
        host_name=name,
        operating_system="Simulated Linux",
        kernel="6.1.0-simulated",
        architecture="x86_64",
        boot_time_seconds=boot_time_seconds,
        processor=Processor(model="Simulated CPU", physical_cores=CORES, logical_cores=CORES),
        memory_total_bytes=MEMORY_BYTES,
        swap_total_bytes=SWAP_BYTES,
        disks=[Disk(name=DEVICE, size_bytes=sum(MOUNT_BYTES.values()), model="Simulated SSD", rotational=False)],
        filesystems=[
            Filesystem(mount=mount, device=f"/dev/{DEVICE}{number}", kind="ext4", size_bytes=size)
            for number, (mount, size) in enumerate(MOUNT_BYTES.items(), start=1)
        ],
        interfaces=[Interface(name=INTERFACE, addresses=["192.0.2.1"], speed_bits_per_second=1e9)],
    )


@cache
def _named(metric: str, label: str, value: str) -> str:
    """A reading's name, built once: thousands of agents share it."""
    return reading_name(metric, **{label: value})


def _cpu(percent: float) -> Readings:
    load = percent / 100 * CORES
    shares = {"user": 0.7, "nice": 0.0, "system": 0.25, "irq": 0.0, "softirq": 0.05, "steal": 0.0}
    rest = {"idle": (100 - percent) * 0.98, "iowait": (100 - percent) * 0.02}
    modes = {mode: share * percent for mode, share in shares.items()} | rest
    return {
        "cpu.usage_percent": percent,
        **{_named("cpu.mode_percent", "mode", mode): part for mode, part in modes.items()},
        **{_named("cpu.core.usage_percent", "core", str(core)): percent for core in range(CORES)},
        **{f"load.{span}": load for span in ("1m", "5m", "15m")},
        **{f"load.{span}_per_core": load / CORES for span in ("1m", "5m", "15m")},
    }


def _memory(percent: float) -> Readings:
    used = MEMORY_BYTES * percent / 100
    swapped = SWAP_BYTES * max(0.0, percent - 80) / 40
    return {
        "memory.total_bytes": float(MEMORY_BYTES),
        "memory.used_bytes": used,
        "memory.available_bytes": MEMORY_BYTES - used,
        "memory.cached_bytes": (MEMORY_BYTES - used) * 0.6,
        "memory.buffers_bytes": (MEMORY_BYTES - used) * 0.02,
        "memory.usage_percent": percent,
        "swap.total_bytes": float(SWAP_BYTES),
        "swap.used_bytes": swapped,
        "swap.free_bytes": SWAP_BYTES - swapped,
        "swap.usage_percent": swapped / SWAP_BYTES * 100,
    }


def _mount(mount: str, percent: float) -> Readings:
    size, inodes = float(MOUNT_BYTES[mount]), float(INODES[mount])
    used = size * percent / 100
    inodes_used = min(inodes, used / BYTES_PER_FILE)
    parts = {
        "disk.usage_percent": percent,
        "disk.total_bytes": size,
        "disk.used_bytes": used,
        "disk.free_bytes": size - used,
        "disk.inodes_usage_percent": inodes_used / inodes * 100,
        "disk.inodes_total": inodes,
        "disk.inodes_free": inodes - inodes_used,
    }
    return {_named(metric, "mount", mount): value for metric, value in parts.items()}


def _disk_io(share: float) -> Readings:
    read, write = share * DISK_BYTES_PER_SECOND / 4, share * DISK_BYTES_PER_SECOND
    parts = {
        "disk.io.read_bytes_per_second": read,
        "disk.io.write_bytes_per_second": write,
        "disk.io.reads_per_second": read / BYTES_PER_FILE,
        "disk.io.writes_per_second": write / BYTES_PER_FILE,
        "disk.io.busy_percent": share * 50,
    }
    return {_named(metric, "device", DEVICE): value for metric, value in parts.items()}


def _network(share: float) -> Readings:
    parts = {
        f"network.{way}_{what}_per_second": value
        for way, rate in (("receive", share * LINK_BYTES_PER_SECOND), ("transmit", share * LINK_BYTES_PER_SECOND / 3))
        for what, value in (("bytes", rate), ("packets", rate / PACKET_BYTES), ("errors", 0.0), ("drops", 0.0))
    }
    return {_named(metric, "interface", INTERFACE): value for metric, value in parts.items()}


def _processes(percent: float) -> Readings:
    counts = STATES | {"running": 1 + int(percent / 25)}
    return {
        "processes.total": float(sum(counts.values())),
        **{_named("processes.count", "state", state): float(count) for state, count in counts.items()},
    }
