"""The rig's broker: one private RabbitMQ, in which each run has a virtual host of its own, set up as in production."""

import os
import shutil
import signal
import uuid
from dataclasses import replace
from pathlib import Path

from deploy.local.broker import LOG_FILE, LOOPBACK, BrokerPlan, BrokerPorts, PrivateBroker
from faults.ports import claim_ports
from rabbitmq.connection import BrokerAddress
from rabbitmq.management import Management
from rabbitmq.setup import SetupSettings, set_up
from rabbitmq.topology import AGENT_USER, HELPDESK_USER, PROCESSOR_USER

ACCOUNTS = {user: user for user in (AGENT_USER, PROCESSOR_USER, HELPDESK_USER)}


class Broker:
    """Started, killed, frozen, wiped. `bind` is a second address that it listens on."""

    def __init__(self, folder: Path, bind: str = LOOPBACK) -> None:
        amqp, management, epmd, distribution = claim_ports(4)
        ports = BrokerPorts(amqp=amqp, management=management, epmd=epmd, distribution=distribution)
        self.folder = folder
        self.port = amqp
        self.virtual_host = "/"
        self._private = PrivateBroker(BrokerPlan(folder, ports, bind))
        self._root = Management(LOOPBACK, management, "guest", "guest")

    @property
    def management(self) -> Management:
        """The API of the present virtual host."""
        return replace(self._root, virtual_host=self.virtual_host)

    @property
    def administrator(self) -> BrokerAddress:
        return BrokerAddress(LOOPBACK, self.port, "guest", "guest", self.virtual_host)

    def start(self) -> None:
        self._private.start()

    def stop(self) -> None:
        self._private.stop()

    def kill(self) -> None:
        self._private.kill()

    def freeze(self) -> None:
        os.kill(self._private.process_id, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self._private.process_id, signal.SIGCONT)

    def ctl(self, *arguments: str) -> str:
        return self._private.ctl(*arguments)

    def log_text(self) -> str:
        """What the broker itself logged, as far as it is not rotated away."""
        files = sorted((self.folder / "log").glob(f"{LOG_FILE}*"))
        return "".join(file.read_text(errors="replace") for file in files)

    def wipe(self) -> None:
        """The broker's disk is gone, a new and empty broker takes its place, set up under the same names."""
        self.kill()
        shutil.rmtree(self.folder / "data")
        self.start()
        self._make_virtual_host()

    def new_virtual_host(self) -> None:
        """Accounts, permissions, exchange and queue as `python -m rabbitmq setup` makes them, empty."""
        self.virtual_host = f"faults-{uuid.uuid4().hex[:8]}"
        self._make_virtual_host()

    def drop_virtual_host(self) -> None:
        self._root.call("DELETE", "vhosts", self.virtual_host)

    def set_up(self) -> None:
        set_up(SetupSettings(self.management, ACCOUNTS))

    @property
    def version(self) -> str:
        return str(self._root.call("GET", "overview")["rabbitmq_version"])

    def _make_virtual_host(self) -> None:
        self._root.call("PUT", "vhosts", self.virtual_host, body={})
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        self._root.call("PUT", "permissions", self.virtual_host, "guest", body=everything)
        self.set_up()
