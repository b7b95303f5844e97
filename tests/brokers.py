"""Real brokers for tests, one private RabbitMQ per test session (per worker under xdist).

- `shared_broker`: for tests that leave it running. Its virtual host "/" is everybody's.
- `broker_address`: guest's address in a virtual host of `shared_broker` that only this test sees.
- `broker`: a broker of its own for one module, to stop, kill and start again.
"""

import os
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.local.broker import BrokerPlan, BrokerPorts, PrivateBroker, free_ports, is_installed
from rabbitmq.connection import BrokerAddress
from rabbitmq.management import Management
from tests.containers import RABBITMQ_IMAGE, engine_has, rabbitmq_container


class SharedBroker:
    """A broker that tests leave running, each in a virtual host of its own; guest/guest is its administrator."""

    def __init__(self, address: BrokerAddress, management: Management) -> None:
        self.address = address
        self.management = management

    def new_virtual_host(self) -> BrokerAddress:
        """Guest's address in an empty virtual host that nobody else uses."""
        name = f"test-{uuid.uuid4().hex}"
        self.management.call("PUT", "vhosts", name, body={})
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        self.management.call("PUT", "permissions", name, "guest", body=everything)
        return replace(self.address, virtual_host=name)

    def drop_virtual_host(self, address: BrokerAddress) -> None:
        self.management.call("DELETE", "vhosts", address.virtual_host)


class RealBroker(SharedBroker):
    """A running RabbitMQ with guest/guest as administrator."""

    def __init__(self, folder: Path) -> None:
        amqp, management, epmd, distribution = free_ports(4)
        self.folder = folder
        self.all_ports = {amqp, management, epmd, distribution}
        ports = BrokerPorts(amqp=amqp, management=management, epmd=epmd, distribution=distribution)
        self._private = PrivateBroker(BrokerPlan(folder, ports))
        super().__init__(
            BrokerAddress("127.0.0.1", amqp, "guest", "guest"), Management("127.0.0.1", management, "guest", "guest")
        )
        self.management_url = f"http://127.0.0.1:{management}"

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
        """Run rabbitmqctl, return what it prints. It takes seconds: prefer `management.call`."""
        return self._private.ctl(*arguments)


@pytest.fixture(scope="session")
def shared_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedBroker]:
    """The image of docker-compose.yml where a Docker engine has it, else a private process."""
    if engine_has(RABBITMQ_IMAGE):
        with rabbitmq_container() as (address, management):
            yield SharedBroker(address, management)
    else:
        yield from _running(tmp_path_factory.mktemp("shared-broker"))


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealBroker]:
    """Tests may stop and kill it; whoever does, starts it again."""
    yield from _running(tmp_path_factory.mktemp("broker"))


@pytest.fixture
def broker_address(shared_broker: SharedBroker) -> Iterator[BrokerAddress]:
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
        real.kill()  # nobody needs the data, and an orderly stop takes seconds
        real.stop()


def require_rabbitmq() -> None:
    """Skip where RabbitMQ is missing, visibly; in CI that is a failure."""
    if is_installed():
        return
    message = "needs RabbitMQ: apt-get install rabbitmq-server"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)
