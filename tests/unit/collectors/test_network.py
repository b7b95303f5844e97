from dataclasses import replace
from pathlib import Path

import pytest

from agent.collectors.network import METRICS, Network, parse_net_dev
from tests.unit.collectors.recordings import SECONDS_BETWEEN, container, server_first, server_second


def test_rates_between_two_recordings() -> None:
    network = Network()
    assert network.collect(server_first(), 100.0) == {}
    readings = network.collect(server_second(), 100.0 + SECONDS_BETWEEN)
    assert readings['network.receive_bytes_per_second{interface="lo"}'] == pytest.approx((41126972 - 41102253) / 5)
    assert readings['network.transmit_packets_per_second{interface="lo"}'] == pytest.approx((79374 - 79330) / 5)
    assert readings['network.transmit_drops_per_second{interface="docker0"}'] == 0.0


def test_idle_interfaces_and_ends_of_containers_links_are_left_out() -> None:
    table = server_first().read_proc("self/net/dev")
    assert b"ifb0" in table
    assert b"veth" in table
    assert list(parse_net_dev(table)) == ["lo", "eth0", "docker0", "br-4c1de0a7f9b2"]


def test_each_count_comes_from_its_column() -> None:
    numbers = " ".join(str(number) for number in range(1, 17))
    (counts,) = parse_net_dev(f"head\nhead\n eth0:{numbers}\n".encode()).values()
    assert dict(zip(METRICS, counts, strict=True)) == {
        "network.receive_bytes_per_second": 1,
        "network.receive_packets_per_second": 2,
        "network.receive_errors_per_second": 3,
        "network.receive_drops_per_second": 4,
        "network.transmit_bytes_per_second": 9,
        "network.transmit_packets_per_second": 10,
        "network.transmit_errors_per_second": 11,
        "network.transmit_drops_per_second": 12,
    }


def test_a_container_has_its_own_interfaces() -> None:
    assert "docker0" not in parse_net_dev(container(1).read_proc("self/net/dev"))


def test_a_mounted_host_is_asked_for_the_network_of_its_first_process(tmp_path: Path) -> None:
    (tmp_path / "1/net").mkdir(parents=True)
    (tmp_path / "1/net/dev").write_bytes(server_first().read_proc("self/net/dev"))
    host = replace(server_first(), proc=tmp_path, root=tmp_path)
    network = Network()
    network.collect(host, 1.0)
    assert 'network.receive_bytes_per_second{interface="eth0"}' in network.collect(host, 6.0)
