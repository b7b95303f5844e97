"""Real brokers for tests, one private RabbitMQ per test session (per worker under xdist).

- `shared_broker`: for tests that leave it running. Its virtual host "/" is everybody's.
- `broker_address`: guest's address in a virtual host of `shared_broker` that only this test sees.
- `broker`: a broker of its own for one module, to stop, kill and start again.
"""

import base64
import os
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.broker import BrokerPlan, BrokerPorts, PrivateBroker, free_ports, is_installed
from rabbitmq.connection import BrokerAddress


class RealBroker:
    """A running RabbitMQ with guest/guest as administrator."""

    def __init__(self, folder: Path) -> None:
        amqp, management, epmd, distribution = free_ports(4)
        self.folder = folder
        self.all_ports = {amqp, management, epmd, distribution}
        self._ports = BrokerPorts(amqp=amqp, management=management, epmd=epmd, distribution=distribution)
        self._private = PrivateBroker(BrokerPlan(folder, self._ports))
        self.address = BrokerAddress("127.0.0.1", amqp, "guest", "guest")
        self.management_url = f"http://127.0.0.1:{management}"

    @property
    def management_port(self) -> int:
        return self._ports.management

    @property
    def process_id(self) -> int:
        return self._private.process_id

    def start(self) -> None:
        """Return when it is usable; on the data of the last run, if any."""
        self._private.start()

    def stop(self) -> None:
        self._private.stop()

    def kill(self) -> None:
        """SIGKILL."""
        self._private.kill()

    def ctl(self, *arguments: str) -> str:
        """Run rabbitmqctl, return what it prints. It takes seconds: prefer `management`."""
        return self._private.ctl(*arguments)

    def management(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """Call the management API as guest, for example `management("GET", "/api/overview")`."""
        request = urllib.request.Request(self.management_url + path, data=body, method=method)  # noqa: S310 - ours
        request.add_header("Authorization", "Basic " + base64.b64encode(b"guest:guest").decode())
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - the scheme is http
            content: bytes = answer.read()
        return content

    def new_virtual_host(self) -> BrokerAddress:
        """Guest's address in an empty virtual host that nobody else uses."""
        name = f"test-{uuid.uuid4().hex}"
        self.management("PUT", f"/api/vhosts/{name}", b"{}")
        everything = b'{"configure": ".*", "write": ".*", "read": ".*"}'
        self.management("PUT", f"/api/permissions/{name}/guest", everything)
        return BrokerAddress(self.address.host, self.address.port, "guest", "guest", name)

    def drop_virtual_host(self, address: BrokerAddress) -> None:
        self.management("DELETE", f"/api/vhosts/{address.virtual_host}")


@pytest.fixture(scope="session")
def shared_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealBroker]:
    yield from _running(tmp_path_factory.mktemp("shared-broker"))


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealBroker]:
    """Tests may stop and kill it; whoever does, starts it again."""
    yield from _running(tmp_path_factory.mktemp("broker"))


@pytest.fixture
def broker_address(shared_broker: RealBroker) -> Iterator[BrokerAddress]:
    address = shared_broker.new_virtual_host()
    yield address
    shared_broker.drop_virtual_host(address)


def _running(folder: Path) -> Iterator[RealBroker]:
    require_rabbitmq()
    real = RealBroker(folder)
    try:
        real.start()
        yield real
    finally:
        real.stop()


def require_rabbitmq() -> None:
    """Skip where RabbitMQ is missing, visibly; in CI that is a failure."""
    if is_installed():
        return
    message = "needs RabbitMQ: apt-get install rabbitmq-server"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)
