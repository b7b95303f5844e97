import os
import threading
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import msgspec

from agent.collectors.disk import Disk, Measured
from agent.collectors.patience import Patience
from agent.host import Host
from agent.interface_addresses import interface_addresses, interface_of, parse_routes
from agent.mounts import FileSystem
from agent.system_information import system_information
from rabbitmq.records import System
from tests.unit.collectors.recordings import container, server_first


def test_a_recorded_server() -> None:
    system = system_information(server_first(), Disk())
    assert system.processor.model == "AMD EPYC"
    assert (system.processor.physical_cores, system.processor.logical_cores) == (2, 2)
    assert "sse2" in system.processor.features
    assert system.memory_total_bytes == 24684084 * 1024
    assert system.swap_total_bytes == 0
    assert system.boot_time_seconds == 1795242037.0
    assert [(disk.name, disk.size_bytes) for disk in system.disks] == [("vda", 274877906944)]


def test_a_container_has_its_limit_and_no_disks() -> None:
    system = system_information(container(1), Disk())
    assert system.memory_total_bytes == 96 * 1024 * 1024
    assert system.disks == []


def test_this_machine_is_a_valid_record() -> None:
    system = system_information(Host.detect(os.environ), Disk())
    assert msgspec.convert(msgspec.to_builtins(system), System) == system
    assert system.processor.logical_cores
    assert "/" in {each.mount for each in system.filesystems}
    assert "lo" in {each.name for each in system.interfaces}


def test_a_system_that_tells_nothing_still_gives_a_record(tmp_path: Path) -> None:
    system = system_information(Host(tmp_path / "proc", tmp_path / "sys", tmp_path, "container"), Disk())
    assert system.host_name
    assert system.operating_system
    assert (system.memory_total_bytes, system.filesystems, system.interfaces) == (None, [], [])


def test_the_name_of_the_system_comes_from_its_own_files(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text('ID=debian\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n')
    system = system_information(replace(server_first(), root=tmp_path), Disk())
    assert system.operating_system == "Debian GNU/Linux 13 (trixie)"


def test_addresses_find_their_interfaces() -> None:
    found = interface_addresses(server_first())
    assert found["eth0"] == ["192.0.2.2", "fe80::fc:ff:fe00:1", "fd00::2"]
    assert found["lo"] == ["127.0.0.1", "::1"]
    assert found["docker0"][0] == "172.17.0.1"


def test_the_narrowest_network_holds_an_address() -> None:
    routes = parse_routes(
        "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
        "wide 0000000A 00000000 0001 0 0 0 000000FF 0 0 0\n"
        "narrow 0001000A 00000000 0001 0 0 0 00FFFFFF 0 0 0\n"
    )
    assert routes[0] == (IPv4Network("10.0.1.0/24"), "narrow")
    assert interface_of(IPv4Address("10.0.1.7"), routes) == "narrow"
    assert interface_of(IPv4Address("10.9.0.1"), routes) == "wide"
    assert interface_of(IPv4Address("192.0.2.1"), routes) is None


def test_it_leaves_no_thread_behind() -> None:
    before = set(threading.enumerate())
    assert system_information(Host.detect(os.environ), Disk()).filesystems
    for thread in set(threading.enumerate()) - before:
        thread.join(timeout=30)
        assert not thread.is_alive()


def test_a_hanging_mount_costs_one_thread_and_one_wait_however_many_hellos_there_are() -> None:
    release, asked = threading.Event(), []
    before = set(threading.enumerate())

    def measure(system: FileSystem, _prefix: bytes) -> Measured:
        if system.mounts[0].point == b"/mnt/back up":
            asked.append(system)
            assert release.wait(30)
        return Measured(system.mounts[0], os.statvfs("/"))

    disk = Disk(measure, Patience(enough_seconds=0.3, stall_seconds=0.02))
    for _ in range(4):
        system = system_information(server_first(), disk)
        assert [one.mount for one in system.filesystems] == ["/", "/var"]
    hanging = set(threading.enumerate()) - before
    assert (len(hanging), len(asked)) == (1, 1)
    release.set()
    for thread in hanging:
        thread.join(timeout=30)
        assert not thread.is_alive()
    assert "/mnt/back up" in [one.mount for one in system_information(server_first(), disk).filesystems]
    assert len(asked) == 2
