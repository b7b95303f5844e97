from collections import namedtuple

import psutil
import pytest

from agent.collectors import COLLECTORS, all_collectors
from agent.collectors.collection import collect_all
from rabbitmq.readings import parse_reading_name
from tests.unit.collectors.recordings import server_first

DOCUMENTED = {fact.metric for make in COLLECTORS for fact in make().facts}
Times = namedtuple("Times", "user nice system idle")
Memory = namedtuple("Memory", "total available")
Swap = namedtuple("Swap", "total used")
Partition = namedtuple("Partition", "mountpoint")
Usage = namedtuple("Usage", "total used free percent")
Disk = namedtuple("Disk", "read_count write_count read_bytes write_bytes")
Nic = namedtuple("Nic", "bytes_sent bytes_recv packets_sent packets_recv errin errout dropin dropout")


@pytest.fixture(autouse=True)
def laptop(monkeypatch: pytest.MonkeyPatch) -> None:
    """What psutil told on a machine that is not Linux; each call of a counter finds it grown."""
    calls = iter(range(1, 1000))

    def disk_usage(mount: str) -> Usage:
        if mount == "/Volumes/Gone":
            raise OSError(5, "Input/output error")
        return Usage(1000, 600, 400, 60.0)

    def cpu_times(percpu: bool = False) -> object:
        n = next(calls)
        times = Times(100.0 + n, 0.0, 50.0 + n, 500.0 + 2 * n)
        return [times, times] if percpu else times

    fakes = {
        "cpu_times": cpu_times,
        "cpu_count": lambda: 2,
        "virtual_memory": lambda: Memory(8000, 2000),
        "swap_memory": lambda: Swap(1000, 100),
        "disk_partitions": lambda: [Partition("/"), Partition("/Volumes/Gone")],
        "disk_usage": disk_usage,
        "disk_io_counters": lambda **_: {"disk0": Disk(1, 2, 100 * next(calls), 4)},
        "net_io_counters": lambda **_: {"en0": Nic(1, 500 * next(calls), 3, 4, 0, 0, 0, 0)},
        "boot_time": lambda: 1000.0,
    }
    for name, fake in fakes.items():
        monkeypatch.setattr(psutil, name, fake)


def test_readings_have_the_same_names_as_on_linux() -> None:
    collectors = all_collectors("darwin")
    collect_all(collectors, server_first(), 0.0)
    readings, errors = collect_all(collectors, server_first(), 10.0)
    assert {parse_reading_name(name)[0] for name in readings} <= DOCUMENTED
    assert readings["memory.usage_percent"] == 75.0
    assert readings["swap.usage_percent"] == 10.0
    assert readings["cpu.usage_percent"] == pytest.approx(50.0)
    assert readings['disk.usage_percent{mount="/"}'] == 60.0
    assert readings['disk.io.read_bytes_per_second{device="disk0"}'] > 0
    assert readings['network.receive_bytes_per_second{interface="en0"}'] > 0
    assert errors['disk{mount="/Volumes/Gone"}'] == "[Errno 5] Input/output error"


def test_what_cannot_be_collected_is_said() -> None:
    _, errors = collect_all(all_collectors("darwin"), server_first(), 0.0)
    assert errors["processes"] == "not offered here: process states are read from /proc, which this system has not"


def test_a_system_without_load_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.getloadavg")
    _, errors = collect_all(all_collectors("win32"), server_first(), 0.0)
    assert errors["load"] == "not offered here: this system keeps no load average"
