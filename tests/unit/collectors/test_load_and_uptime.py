import pytest

from agent.collectors.load import Load
from agent.collectors.uptime import Uptime
from tests.unit.collectors.recordings import container, server_first


def test_load_in_all_and_per_core() -> None:
    assert Load().collect(server_first(), 0.0) == {
        "load.1m": 1.39,
        "load.1m_per_core": pytest.approx(0.695),
        "load.5m": 0.58,
        "load.5m_per_core": pytest.approx(0.29),
        "load.15m": 0.31,
        "load.15m_per_core": pytest.approx(0.155),
    }


def test_a_container_has_no_load_of_its_own() -> None:
    assert Load().collect(container(1), 0.0) == {}


def test_uptime_of_a_host() -> None:
    uptime = float(server_first().read_proc("uptime").split()[0])
    assert Uptime().collect(server_first(), 0.0) == {"system.uptime_seconds": uptime}


def test_uptime_of_a_container_counts_from_its_first_process() -> None:
    # Recorded 2529.19 s after boot; the first process had started at tick 252897.
    assert Uptime().collect(container(1), 0.0)["system.uptime_seconds"] == pytest.approx(0.22)
