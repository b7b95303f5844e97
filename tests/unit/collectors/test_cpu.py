from pathlib import Path

import pytest

from agent.collectors.cgroup import Cgroup
from agent.collectors.cpu import MODES, Cpu, parse_stat, smooth, usable_cores, usage_readings
from rabbitmq.records import Readings
from tests.unit.collectors.recordings import SECONDS_BETWEEN, changed_container, container, server_first, server_second

IDLE = MODES.index("idle")


def test_usage_modes_and_cores_between_two_recordings() -> None:
    cpu = Cpu()
    assert cpu.collect(server_first(), 100.0) == {}
    readings = cpu.collect(server_second(), 100.0 + SECONDS_BETWEEN)
    # Of 987 ticks that passed, 871 were idle and none waited for I/O.
    assert readings["cpu.usage_percent"] == pytest.approx(100 * 116 / 987)
    assert readings['cpu.mode_percent{mode="user"}'] == pytest.approx(100 * 63 / 987)
    assert readings['cpu.mode_percent{mode="idle"}'] == pytest.approx(100 * 871 / 987)
    assert readings['cpu.core.usage_percent{core="0"}'] == pytest.approx(100 * 68 / 494)
    # Core 1 waited for I/O during one tick, which is no use.
    assert readings['cpu.core.usage_percent{core="1"}'] == pytest.approx(100 * 48 / 495)
    assert sum(value for name, value in readings.items() if "mode" in name) == pytest.approx(100)
    assert len(readings) == 1 + len(MODES) + 2


def test_a_core_whose_clock_stood_still_has_no_usage() -> None:
    assert usage_readings({"": (0.0,) * len(MODES)}) == {}


def test_a_mode_that_falls_a_little_is_held_back() -> None:
    before = {"": (100.0, 0.0, 0.0, 1000.0, 50.0, 0.0, 0.0, 0.0)}
    after = {"": (110.0, 0.0, 0.0, 1090.0, 49.0, 0.0, 0.0, 0.0)}
    assert smooth(before, after) == {"": (110.0, 0.0, 0.0, 1090.0, 50.0, 0.0, 0.0, 0.0)}


def test_a_core_that_started_anew_is_not_held_back() -> None:
    before, after = {"1": (100.0, 50.0)}, {"1": (3.0, 60.0)}
    assert smooth(before, after) == after


def test_kernels_with_fewer_modes_are_read() -> None:
    assert parse_stat(b"cpu  1 2 3 4\ncpu0 1 2 3 4\nintr 5\n") == {"": (1, 2, 3, 4), "0": (1, 2, 3, 4)}


@pytest.mark.parametrize("version", [1, 2])
def test_a_containers_first_collection_gives_no_usage(version: int) -> None:
    assert Cpu().collect(container(version), 100.0) == {}


def used(folder: Path, version: int, files: dict[str, str]) -> Readings:
    """What a container reports when these files have other contents two seconds later."""
    cpu = Cpu()
    cpu.collect(container(version), 100.0)
    return cpu.collect(changed_container(folder, version, files), 102.0)


def test_version_1_counts_use_of_the_limit(tmp_path: Path) -> None:
    # The limit is half a core: half a second more within two seconds is half of it.
    files = {"cpuacct/cpuacct.usage": "540063724\n", "cpuacct/cpuacct.stat": "user 41\nsystem 12\n"}
    assert used(tmp_path, 1, files) == {
        "cpu.usage_percent": pytest.approx(50.0),
        'cpu.mode_percent{mode="user"}': pytest.approx(40.0),
        'cpu.mode_percent{mode="system"}': pytest.approx(10.0),
    }


def test_version_2_counts_use_of_the_cores_when_there_is_no_limit(tmp_path: Path) -> None:
    # Two cores may be used: one second more within two seconds is a quarter of them.
    files = {"cpu.stat": "usage_usec 3000000\nuser_usec 2100000\nsystem_usec 900000\n"}
    assert used(tmp_path, 2, files)["cpu.usage_percent"] == pytest.approx(25.0)


def test_version_2_counts_use_of_the_limit(tmp_path: Path) -> None:
    files = {"cpu.stat": "usage_usec 3000000\nuser_usec 2100000\nsystem_usec 900000\n", "cpu.max": "100000 100000\n"}
    assert used(tmp_path, 2, files)["cpu.usage_percent"] == pytest.approx(50.0)


def test_a_limit_above_the_cores_is_none(tmp_path: Path) -> None:
    files = {"cpu.stat": "usage_usec 3000000\nuser_usec 2100000\nsystem_usec 900000\n", "cpu.max": "1600000 100000\n"}
    assert used(tmp_path, 2, files)["cpu.usage_percent"] == pytest.approx(25.0)


def test_without_a_file_of_limits_there_is_none(tmp_path: Path) -> None:
    host = changed_container(tmp_path, 2, {})
    (host.sys / "fs/cgroup/cpu.max").unlink()
    assert Cgroup(host).cpu().limit_cores is None


@pytest.mark.parametrize(("allowed", "cores"), [("0-1", 2), ("3", 1), ("0-2,8,10-11", 6)])
def test_usable_cores(tmp_path: Path, allowed: str, cores: int) -> None:
    host = changed_container(tmp_path, 2, {})
    (host.proc / "self/status").write_text(f"Name:\tagent\nCpus_allowed_list:\t{allowed}\nMems_allowed:\t1\n")
    assert usable_cores(host) == cores
