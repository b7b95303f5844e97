"""What psutil gives on systems without /proc, under the same names. Imported only there: it costs memory."""

import os
import time
from collections.abc import Callable

import psutil

from agent.collectors import cpu, disk, disk_io, load, memory, network, processes, swap, uptime
from agent.collectors.collector import Collector, Fact, NotHere, Partial, labelled
from agent.collectors.rates import Rates
from agent.host import Host
from rabbitmq.records import Readings

Read = Callable[[float], Readings]


class Portable:
    """A collector around one function of `now_seconds`; it knows no other system than its own."""

    period_seconds = None

    def __init__(self, name: str, facts: tuple[Fact, ...], read: Read) -> None:
        self.name = name
        self.facts = facts
        self._read = read

    def collect(self, host: Host, now_seconds: float) -> Readings:  # noqa: ARG002 - psutil asks its own system
        return self._read(now_seconds)


def portable_collectors() -> list[Collector]:
    """One for each name in the table of Linux' collectors."""
    return [
        Portable(cpu.Cpu.name, cpu.FACTS, _cpu()),
        Portable(load.Load.name, load.FACTS, _load),
        Portable(memory.Memory.name, memory.FACTS, _memory),
        Portable(swap.Swap.name, swap.FACTS, _swap),
        Portable(disk.Disk.name, disk.FACTS, _disk),
        Portable(disk_io.DiskIo.name, disk_io.FACTS, _disk_io()),
        Portable(network.Network.name, network.FACTS, _network()),
        Portable(processes.Processes.name, processes.FACTS, _no_processes),
        Portable(uptime.Uptime.name, uptime.FACTS, _uptime),
    ]


def _cpu() -> Read:
    rates = Rates()

    def read(now_seconds: float) -> Readings:
        cores = {str(number): times for number, times in enumerate(psutil.cpu_times(percpu=True))}
        seconds = {
            core: tuple(float(getattr(times, mode, 0.0)) for mode in cpu.MODES)
            for core, times in {cpu.ALL_CORES: psutil.cpu_times(), **cores}.items()
        }
        return cpu.usage_readings(rates.per_second(seconds, now_seconds))

    return read


def _memory(_: float) -> Readings:
    use = psutil.virtual_memory()
    return memory.memory_readings(float(use.total), float(use.available))


def _swap(_: float) -> Readings:
    use = psutil.swap_memory()
    return swap.swap_readings(float(use.total), float(use.used))


def _disk(_: float) -> Readings:
    readings: Readings = {}
    errors: dict[str, str] = {}
    for mount in (partition.mountpoint for partition in psutil.disk_partitions()):
        try:
            use = psutil.disk_usage(mount)
        except OSError as error:
            errors[labelled("disk", "mount", mount)] = str(error)
            continue
        readings[labelled("disk.usage_percent", "mount", mount)] = float(use.percent)
        readings[labelled("disk.total_bytes", "mount", mount)] = float(use.total)
        readings[labelled("disk.used_bytes", "mount", mount)] = float(use.used)
        readings[labelled("disk.free_bytes", "mount", mount)] = float(use.free)
    if errors:
        raise Partial(readings, errors)
    return readings


def _disk_io() -> Read:
    rates = Rates()

    def read(now_seconds: float) -> Readings:
        devices = psutil.disk_io_counters(perdisk=True)
        counters = {
            device: tuple(map(float, (use.read_bytes, use.write_bytes, use.read_count, use.write_count)))
            for device, use in devices.items()
        }
        return disk_io.io_readings(rates.per_second(counters, now_seconds))

    return read


def _network() -> Read:
    rates = Rates()

    def read(now_seconds: float) -> Readings:
        counters = {
            interface: tuple(
                map(
                    float,
                    (
                        *(use.bytes_recv, use.packets_recv, use.errin, use.dropin),
                        *(use.bytes_sent, use.packets_sent, use.errout, use.dropout),
                    ),
                )
            )
            for interface, use in psutil.net_io_counters(pernic=True).items()
        }
        return network.network_readings(rates.per_second(counters, now_seconds))

    return read


def _uptime(_: float) -> Readings:
    return {"system.uptime_seconds": time.time() - psutil.boot_time()}


def _load(_: float) -> Readings:
    if not hasattr(os, "getloadavg"):
        raise NotHere("this system keeps no load average")
    cores = psutil.cpu_count() or 1
    return load.load_readings(os.getloadavg(), cores)


def _no_processes(_: float) -> Readings:
    raise NotHere("process states are read from /proc, which this system has not")
