import shutil
from pathlib import Path

import pytest

from agent.collectors.cgroup import Cgroup
from agent.collectors.memory import Memory, container_total_bytes
from agent.collectors.swap import Swap, swap_readings
from tests.unit.collectors.recordings import changed_container, container, server_first

KIB, MIB = 1024, 1024 * 1024


def test_memory_of_a_host() -> None:
    readings = Memory().collect(server_first(), 0.0)
    assert readings == {
        "memory.total_bytes": 24684084 * KIB,
        "memory.used_bytes": (24684084 - 23646636) * KIB,
        "memory.available_bytes": 23646636 * KIB,
        "memory.cached_bytes": (1046480 + 259700) * KIB,
        "memory.buffers_bytes": 18232 * KIB,
        "memory.usage_percent": pytest.approx(100 * (24684084 - 23646636) / 24684084),
    }


def test_memory_of_a_container_is_counted_against_its_limit() -> None:
    readings = Memory().collect(container(1), 0.0)
    used = 4804608 - 3018752
    assert readings["memory.total_bytes"] == 96 * MIB
    assert readings["memory.used_bytes"] == used
    assert readings["memory.available_bytes"] == 96 * MIB - used
    assert readings["memory.cached_bytes"] == 3223552
    assert readings["memory.usage_percent"] == pytest.approx(100 * used / (96 * MIB))


def test_memory_of_a_container_in_version_2() -> None:
    readings = Memory().collect(container(2), 0.0)
    assert readings["memory.total_bytes"] == 96 * MIB
    assert readings["memory.used_bytes"] == 60000000 - 20000000
    assert readings["memory.cached_bytes"] == 28000000


def test_a_container_without_a_limit_has_the_hosts_memory() -> None:
    assert container_total_bytes(None, 1000.0) == 1000.0
    assert container_total_bytes(5000.0, 1000.0) == 1000.0
    assert container_total_bytes(500.0, 1000.0) == 500.0


@pytest.mark.parametrize(
    ("version", "file", "content"),
    [(1, "memory/memory.limit_in_bytes", "9223372036854771712\n"), (2, "memory.max", "max\n")],
)
def test_no_limit_is_told_from_a_limit(tmp_path: Path, version: int, file: str, content: str) -> None:
    assert Cgroup(container(version)).memory().limit_bytes == 96 * MIB
    assert Cgroup(changed_container(tmp_path, version, {file: content})).memory().limit_bytes is None


def test_where_the_whole_tree_shows_the_own_groups_path_is_taken(tmp_path: Path) -> None:
    host = changed_container(tmp_path, 1, {})
    memory = host.sys / "fs/cgroup/memory"
    memory.rename(memory.with_name("moved"))
    memory.joinpath("docker").mkdir(parents=True)
    memory.with_name("moved").rename(memory / "docker/1f0c59d2")
    assert Cgroup(host).memory() == Cgroup(container(1)).memory()


def test_where_the_whole_tree_is_shown_the_own_group_counts(tmp_path: Path) -> None:
    host = changed_container(tmp_path, 2, {"memory.stat": "inactive_file 1000000000\nfile 1000000000\n"})
    (host.proc / "self/cgroup").write_text("0::/system.slice/agent\n")
    own = host.sys / "fs/cgroup/system.slice/agent"
    shutil.copytree(container(2).sys / "fs/cgroup", own)
    assert Cgroup(host).memory() == Cgroup(container(2)).memory()


def test_controllers_that_share_a_group_are_found_below_its_path(tmp_path: Path) -> None:
    host = changed_container(tmp_path, 1, {})
    (host.proc / "self/cgroup").write_text("4:cpu,cpuacct:/docker/1f0c59d2\n")
    for controller in ("cpu", "cpuacct"):
        whole = host.sys / "fs/cgroup" / controller
        whole.rename(whole.with_name("moved"))
        whole.mkdir()
        (whole / "docker").mkdir()
        whole.with_name("moved").rename(whole / "docker/1f0c59d2")
    assert Cgroup(host).cpu() == Cgroup(container(1)).cpu()


def test_a_host_without_swap_has_no_usage() -> None:
    assert Swap().collect(server_first(), 0.0) == {
        "swap.total_bytes": 0.0,
        "swap.used_bytes": 0.0,
        "swap.free_bytes": 0.0,
    }


def test_swap_in_use() -> None:
    assert swap_readings(1000.0, 250.0)["swap.usage_percent"] == 25.0


def test_swap_of_a_container_is_never_more_than_the_host_has() -> None:
    assert Swap().collect(container(2), 0.0)["swap.total_bytes"] == 0.0
    assert Cgroup(container(2)).memory().swap_limit_bytes == 4 * MIB
    assert Cgroup(container(1)).memory().swap_limit_bytes == 96 * MIB
