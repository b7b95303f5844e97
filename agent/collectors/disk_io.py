"""How much the disks read and write."""

from pathlib import Path

from agent.collectors.cgroup import Cgroup
from agent.collectors.collector import EVERYWHERE, Fact, labelled
from agent.collectors.rates import Rate, Rates
from agent.host import Host
from rabbitmq.records import Readings

SECTOR_BYTES = 512  # /proc/diskstats counts these, whatever the disk's own sectors are
RATES = (
    "disk.io.read_bytes_per_second",
    "disk.io.write_bytes_per_second",
    "disk.io.reads_per_second",
    "disk.io.writes_per_second",
)
BUSY = "disk.io.busy_percent"
IN_CONTAINER = "What the container's processes read and write."

FACTS = (
    Fact(
        metric=RATES[0],
        label="device",
        unit="B/s",
        meaning="Bytes read from the device.",
        opentelemetry="system.disk.io (disk.io.direction=read)",
        in_container=IN_CONTAINER,
        platform=EVERYWHERE,
    ),
    Fact(
        metric=RATES[1],
        label="device",
        unit="B/s",
        meaning="Bytes written to the device.",
        opentelemetry="system.disk.io (disk.io.direction=write)",
        in_container=IN_CONTAINER,
        platform=EVERYWHERE,
    ),
    Fact(
        metric=RATES[2],
        label="device",
        unit="1/s",
        meaning="Read operations completed.",
        opentelemetry="system.disk.operations (disk.io.direction=read)",
        in_container=IN_CONTAINER,
        platform=EVERYWHERE,
    ),
    Fact(
        metric=RATES[3],
        label="device",
        unit="1/s",
        meaning="Write operations completed.",
        opentelemetry="system.disk.operations (disk.io.direction=write)",
        in_container=IN_CONTAINER,
        platform=EVERYWHERE,
    ),
    Fact(
        metric=BUSY,
        label="device",
        unit="%",
        meaning="Time in which at least one operation was under way; a disk that serves many at once may take more.",
        opentelemetry="system.disk.io_time",
        in_container="Not given: the time belongs to the host.",
    ),
)


class DiskIo:
    """Rates of each whole disk that was ever used; partitions, loop and memory devices are left out."""

    name = "disk_io"
    period_seconds = None
    facts = FACTS

    def __init__(self) -> None:
        self._rates = Rates()
        self._whole_disks: dict[str, bool] = {}

    def collect(self, host: Host, now_seconds: float) -> Readings:
        if host.scope == "container":
            counters = {device_name(host, number): use for number, use in Cgroup(host).disk_io().items()}
            return io_readings(self._rates.per_second(counters, now_seconds))
        counters = parse_diskstats(host.read_proc("diskstats"))
        whole = {device: use for device, use in counters.items() if self._is_whole_disk(host, device)}
        return io_readings(self._rates.per_second(whole, now_seconds))

    def _is_whole_disk(self, host: Host, device: str) -> bool:
        if device not in self._whole_disks:
            entry = Path(host.sys, "block", device.replace("/", "!"))
            self._whole_disks[device] = entry.exists()
        return self._whole_disks[device]


def parse_diskstats(diskstats: bytes) -> dict[str, tuple[float, ...]]:
    """By device: bytes read and written, reads, writes, seconds busy. Devices that never did anything are left out."""
    devices: dict[str, tuple[float, ...]] = {}
    for line in diskstats.decode("ascii").splitlines():
        _, _, device, reads, _, sectors_read, _, writes, _, sectors_written, _, _, busy_ms, *_ = line.split()
        if (reads != "0" or writes != "0") and not device.startswith(("loop", "ram")):
            read_bytes, written_bytes = (float(sectors) * SECTOR_BYTES for sectors in (sectors_read, sectors_written))
            devices[device] = (read_bytes, written_bytes, float(reads), float(writes), float(busy_ms) / 1000)
    return devices


def io_readings(rates: Rate) -> Readings:
    """Readings from rates in the order of `RATES`, and seconds busy per second where they are known."""
    readings: Readings = {}
    for device, values in rates.items():
        for metric, value in zip(RATES, values, strict=False):
            readings[labelled(metric, "device", device)] = value
        if len(values) > len(RATES):
            readings[labelled(BUSY, "device", device)] = min(100.0, 100 * values[len(RATES)])
    return readings


def device_name(host: Host, number: str) -> str:
    """The name of a block device `major:minor`, or the number itself where the kernel shows no name."""
    try:
        return Path(host.sys, "dev/block", number).readlink().name
    except OSError:
        return number
