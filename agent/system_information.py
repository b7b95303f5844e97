"""What the host is: its hardware, its system, and where it stores and how it talks. Read at start and on request."""

import platform
from contextlib import suppress
from pathlib import Path

from agent.collectors.collector import Partial, labelled
from agent.collectors.disk import Disk
from agent.collectors.memory import Memory
from agent.collectors.mount_table import mount_table_path
from agent.collectors.swap import Swap
from agent.host import Host, read_file
from agent.interface_addresses import interface_addresses
from agent.mounts import file_systems, parse_mountinfo, path_text
from rabbitmq.records import LARGEST_STORED_INTEGER, Filesystem, Interface, Processor, Readings, System
from rabbitmq.records import Disk as DiskRecord

SECTOR_BYTES = 512
LONGEST_TEXT = 256


def system_information(host: Host, disk: Disk) -> System:
    """Everything that can be had; what a system does not tell stays empty, and nothing here raises OSError.

    `disk` asks for the sizes: the same one each time, because it remembers which file systems still owe an answer and
    does not wait for them again.
    """
    memory = _readings_of(Memory(), host) | _readings_of(Swap(), host)
    return System(
        host_name=_short(host.host_name()),
        operating_system=_operating_system(host),
        kernel=_short(platform.release()),
        architecture=_short(platform.machine()),
        boot_time_seconds=_boot_time_seconds(host),
        processor=_processor(host),
        memory_total_bytes=_whole(memory.get("memory.total_bytes")),
        swap_total_bytes=_whole(memory.get("swap.total_bytes")),
        disks=_disks(host) if host.scope == "host" else [],
        filesystems=_file_systems(host, disk),
        interfaces=_interfaces(host),
    )


def _readings_of(collector: Memory | Swap | Disk, host: Host) -> Readings:
    try:
        return collector.collect(host, 0.0)
    except Partial as partial:
        return partial.readings
    except (OSError, KeyError, ValueError):
        return {}


def _operating_system(host: Host) -> str:
    for line in _text(host.root / "etc/os-release").splitlines():
        name, _, value = line.partition("=")
        if name == "PRETTY_NAME":
            return _short(value.strip("\"'"))
    return _short(platform.platform(terse=True))


def _boot_time_seconds(host: Host) -> float:
    for line in _text(host.proc / "stat").splitlines():
        if line.startswith("btime "):
            return float(line.split()[1])
    return 0.0


def _processor(host: Host) -> Processor:
    """The first processor speaks for all; cores are counted by their place in a socket."""
    blocks = [_cpuinfo_block(block) for block in _text(host.proc / "cpuinfo").split("\n\n") if block.strip()]
    if not blocks:
        return Processor(model=_short(platform.processor()) or None)
    places = {(block["physical id"], block["core id"]) for block in blocks if "core id" in block}
    kilohertz = _text(host.sys / "devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq").strip()
    first = blocks[0]
    return Processor(
        model=_short(first.get("model name", first.get("Model", ""))) or None,
        physical_cores=len(places) or None,
        logical_cores=sum("processor" in block for block in blocks) or None,
        max_frequency_hertz=float(kilohertz) * 1000 if kilohertz.isdecimal() else None,
        features=first.get("flags", first.get("Features", "")).split(),
    )


def _cpuinfo_block(block: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in block.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _disks(host: Host) -> list[DiskRecord]:
    """Block devices of some size; loop and memory devices are left out."""
    folders = _children(host.sys / "block")
    disks = [_disk(folder) for folder in folders if not folder.name.startswith(("loop", "ram", "zram"))]
    return [disk for disk in disks if disk.size_bytes]


def _disk(folder: Path) -> DiskRecord:
    sectors, rotational = _text(folder / "size").strip(), _text(folder / "queue/rotational").strip()
    return DiskRecord(
        name=_short(folder.name),
        size_bytes=int(sectors) * SECTOR_BYTES if sectors.isdecimal() else None,
        model=_short(_text(folder / "device/model").strip()) or None,
        rotational=rotational == "1" if rotational else None,
    )


def _file_systems(host: Host, disk: Disk) -> list[Filesystem]:
    """Those that the disk collector reports, by the same names."""
    sizes = _readings_of(disk, host)
    disk.close()
    with suppress(OSError):
        systems = file_systems(parse_mountinfo(read_file(mount_table_path(host))), host.scope)
        return [
            Filesystem(
                mount=_short(path_text(mount.point)),
                device=_short(mount.source),
                kind=_short(mount.kind),
                size_bytes=size,
            )
            for system in systems
            for mount in system.mounts
            if (size := _whole(sizes.get(labelled("disk.total_bytes", "mount", path_text(mount.point)))))
        ]
    return []


def _interfaces(host: Host) -> list[Interface]:
    """Interfaces of the reported system, the ends of containers' links left out."""
    addresses = interface_addresses(host)
    folders = [folder for folder in _children(host.sys / "class/net") if not folder.name.startswith("veth")]
    return [_interface(folder, addresses.get(folder.name, [])) for folder in folders if folder.is_dir()]


def _interface(folder: Path, addresses: list[str]) -> Interface:
    megabits = _text(folder / "speed").strip()  # -1 or an error where the link has none
    return Interface(
        name=_short(folder.name),
        mac=_short(_text(folder / "address").strip()) or None,
        addresses=addresses,
        speed_bits_per_second=float(megabits) * 1e6 if megabits.isdecimal() else None,
    )


def _children(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="backslashreplace")
    except OSError:
        return ""


def _short(text: str) -> str:
    return text[:LONGEST_TEXT]


def _whole(value: float | None) -> int | None:
    return int(value) if value is not None and value < LARGEST_STORED_INTEGER else None
