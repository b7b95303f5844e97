from pathlib import Path

import pytest

from agent.host import Host, boot_seconds, read_file

ON_DISK = "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
ON_FOLDER_OF_DISK = "27 1 254:0 /engine/layers/1 / rw,relatime - ext4 /dev/vda rw\n"
ON_OVERLAY = "27 1 0:39 / / rw,relatime - overlay overlay rw\n"
HOST_CGROUPS = "1:name=systemd:/init.scope\n0::/\n"


def machine(root: Path, mountinfo: str, cgroup: str = HOST_CGROUPS) -> Path:
    """A system with just the files that tell what it is."""
    write(root / "proc/self/mountinfo", mountinfo)
    write(root / "proc/1/cgroup", cgroup)
    return root


def write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


@pytest.fixture
def mounted_host(tmp_path: Path) -> dict[str, str]:
    """A host's files mounted in a container, and the variables that say where."""
    host = tmp_path / "host"
    write(host / "proc/1/stat", "1 (init) S")
    write(host / "sys/block/sda/size", "100")
    write(host / "root/etc/hostname", "db-1\n")
    return {f"HEALTHMON_HOST_{name}": str(host / name.lower()) for name in ("PROC", "SYS", "ROOT")}


def test_mounted_host_files_show_the_host(tmp_path: Path, mounted_host: dict[str, str]) -> None:
    host = Host.detect(mounted_host, machine(tmp_path, ON_OVERLAY))
    assert (host.scope, host.is_mounted, host.host_name()) == ("host", True, "db-1")
    assert host.proc == Path(mounted_host["HEALTHMON_HOST_PROC"])


def test_a_variable_that_is_not_set_is_named(tmp_path: Path, mounted_host: dict[str, str]) -> None:
    del mounted_host["HEALTHMON_HOST_SYS"]
    host = Host.detect(mounted_host, machine(tmp_path, ON_OVERLAY))
    assert host.scope == "container"
    assert "HEALTHMON_HOST_SYS is not set" in host.reason


def test_a_variable_without_a_mount_is_named(tmp_path: Path, mounted_host: dict[str, str]) -> None:
    mounted_host["HEALTHMON_HOST_ROOT"] = str(tmp_path / "nowhere")
    host = Host.detect(mounted_host, machine(tmp_path, ON_OVERLAY))
    assert host.scope == "container"
    assert f"HEALTHMON_HOST_ROOT={tmp_path}/nowhere is not mounted" in host.reason


def test_an_overlay_as_root_is_a_container(tmp_path: Path) -> None:
    host = Host.detect({}, machine(tmp_path, ON_OVERLAY))
    assert (host.scope, host.reason) == ("container", "a container: / is an overlay")


def test_a_host_that_keeps_its_disk_below_an_overlay_is_a_host(tmp_path: Path) -> None:
    machine(tmp_path, ON_OVERLAY, "1:name=systemd:/init.scope\n0::/init.scope\n")
    assert Host.detect({}, tmp_path).scope == "host"
    write(tmp_path / "run/.containerenv", "")  # a container that boots a system of its own
    assert Host.detect({}, tmp_path).scope == "container"


def test_a_machine_is_a_host(tmp_path: Path) -> None:
    host = Host.detect({}, machine(tmp_path, ON_DISK))
    assert (host.scope, host.reason) == ("host", "no container around this process")


def test_a_marker_on_a_machine_made_from_an_image_is_no_container(tmp_path: Path) -> None:
    write(tmp_path / ".dockerenv", "")
    assert Host.detect({}, machine(tmp_path, ON_DISK)).scope == "host"


def test_a_marker_where_the_root_is_a_folder_of_a_disk_is_a_container(tmp_path: Path) -> None:
    assert Host.detect({}, machine(tmp_path, ON_FOLDER_OF_DISK)).scope == "host"
    write(tmp_path / ".dockerenv", "")
    assert Host.detect({}, machine(tmp_path, ON_FOLDER_OF_DISK)).scope == "container"


@pytest.mark.parametrize("group", ["/docker/1f0c59d2", "/kubepods/besteffort/pod1", "/lxc/web"])
def test_a_control_group_of_an_engine_is_a_container(tmp_path: Path, group: str) -> None:
    assert Host.detect({}, machine(tmp_path, ON_DISK, f"4:memory:{group}\n")).scope == "container"


def test_the_variable_container_is_a_container(tmp_path: Path) -> None:
    assert Host.detect({"container": "podman"}, machine(tmp_path, ON_DISK)).scope == "container"


def test_a_system_without_proc_is_a_host(tmp_path: Path) -> None:
    host = Host.detect({}, tmp_path)
    assert (host.scope, host.boot_id()) == ("host", "")


def test_boot_id_is_read(tmp_path: Path) -> None:
    write(tmp_path / "proc/sys/kernel/random/boot_id", "4f2d1c0a\n")
    assert Host.detect({}, machine(tmp_path, ON_DISK)).boot_id() == "4f2d1c0a"


def test_the_boot_clock_never_goes_back() -> None:
    first = boot_seconds()
    assert boot_seconds() >= first > 0


def test_a_file_longer_than_one_read_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "long").write_bytes(b"x" * 200_000)
    assert len(read_file(str(tmp_path / "long"))) == 200_000
