from dataclasses import replace
from pathlib import Path

import pytest

from agent.collectors.cgroup import Cgroup
from agent.collectors.disk_io import DiskIo, device_name, io_readings, parse_diskstats
from tests.unit.collectors.recordings import SECONDS_BETWEEN, container, server_first, server_second


def test_rates_between_two_recordings() -> None:
    disk_io = DiskIo()
    assert disk_io.collect(server_first(), 100.0) == {}
    assert disk_io.collect(server_second(), 100.0 + SECONDS_BETWEEN) == {
        'disk.io.read_bytes_per_second{device="vda"}': pytest.approx((6512018 - 6511690) * 512 / 5),
        'disk.io.write_bytes_per_second{device="vda"}': pytest.approx((8498960 - 8493976) * 512 / 5),
        'disk.io.reads_per_second{device="vda"}': pytest.approx((174672 - 174656) / 5),
        'disk.io.writes_per_second{device="vda"}': pytest.approx((146701 - 146135) / 5),
        'disk.io.busy_percent{device="vda"}': pytest.approx((21588 - 21552) / 5000 * 100),
    }


def test_devices_that_never_did_anything_are_left_out() -> None:
    assert list(parse_diskstats(server_first().read_proc("diskstats"))) == ["vda"]


def test_partitions_are_left_out(tmp_path: Path) -> None:
    line = "   8       {} {} 10 0 80 5 20 0 160 6 0 7 8\n"
    (tmp_path / "diskstats").write_text(line.format(0, "sda") + line.format(1, "sda1"))
    (tmp_path / "block/sda").mkdir(parents=True)
    host = replace(server_first(), proc=tmp_path, sys=tmp_path)
    disk_io = DiskIo()
    disk_io.collect(host, 1.0)
    assert {name.split("{")[1] for name in disk_io.collect(host, 6.0)} == {'device="sda"}'}


def test_a_busy_time_rounded_up_stays_at_100_percent() -> None:
    assert io_readings({"sda": (0.0, 0.0, 0.0, 0.0, 1.02)})['disk.io.busy_percent{device="sda"}'] == 100.0


@pytest.mark.parametrize("version", [1, 2])
def test_what_a_container_read_and_wrote(version: int) -> None:
    assert Cgroup(container(version)).disk_io()["254:0"] == (4096.0, 8192.0, 1.0, 2.0)


def test_a_container_reports_rates_without_busy_time() -> None:
    disk_io = DiskIo()
    disk_io.collect(container(2), 1.0)
    readings = disk_io.collect(container(2), 6.0)
    assert readings['disk.io.read_bytes_per_second{device="254:0"}'] == 0.0
    assert not [name for name in readings if "busy" in name]


def test_a_device_number_gets_its_name(tmp_path: Path) -> None:
    (tmp_path / "dev/block").mkdir(parents=True)
    (tmp_path / "dev/block/254:0").symlink_to("../../devices/pci/block/vda")
    host = replace(container(1), sys=tmp_path)
    assert device_name(host, "254:0") == "vda"
    assert device_name(host, "8:0") == "8:0"
