"""A broker with healthmon's own accounts, a store, a real processor between them, and agents that come to grief."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from deploy.local.broker import BrokerPlan, BrokerPorts, PrivateBroker, free_ports
from rabbitmq.connection import BrokerAddress
from rabbitmq.management import Management
from rabbitmq.setup import SetupSettings, set_up
from rabbitmq.topology import AGENT_USER, PERMISSIONS, PROCESSOR_USER
from store import agents, incidents
from store.engine import open_engine, reading
from store.migrate import migrate
from store.model import HUB, Agent, Incident
from tests.waiting import wait_for

INTERVAL_SECONDS = "2"


class Stage:
    """`bind` is an address of this host that the broker listens on beside the loopback."""

    def __init__(self, folder: Path, bind: str = "127.0.0.1") -> None:
        amqp, management, epmd, distribution = free_ports(4)
        ports = BrokerPorts(amqp=amqp, management=management, epmd=epmd, distribution=distribution)
        self.folder, self.bind = folder, bind
        self.broker = PrivateBroker(BrokerPlan(folder / "broker", ports, bind))
        self.amqp_port = amqp
        self._management = Management("127.0.0.1", management, "guest", "guest")
        self.url = f"sqlite:///{folder / 'store.sqlite3'}"
        self.engine = open_engine(self.url)
        self._processes: list[subprocess.Popen[bytes]] = []
        self.processor: subprocess.Popen[bytes] | None = None

    def open(self) -> None:
        migrate(self.engine)
        self.broker.start()
        set_up(SetupSettings(self._management, {user: user for user in PERMISSIONS}))

    def close(self) -> None:
        for process in self._processes:
            with suppress(ProcessLookupError):
                process.kill()
            process.wait()
        self.broker.kill()
        self.broker.stop()
        self.engine.dispose()

    @property
    def address(self) -> BrokerAddress:
        return BrokerAddress("127.0.0.1", self.amqp_port, AGENT_USER, AGENT_USER)

    def start_processor(self) -> None:
        own = replace(self.address, user=PROCESSOR_USER, password=PROCESSOR_USER)
        self.processor = self._start("processor", own, HEALTHMON_DATABASE_URL=self.url)

    def stop_processor(self) -> None:
        assert self.processor is not None
        self.processor.send_signal(signal.SIGTERM)
        self.processor.wait()

    def start_agent(self, name: str, inside: Sequence[str] = (), **changed: str) -> "subprocess.Popen[bytes]":
        """One with a state folder of this name, which may have run before."""
        host = self.bind if inside else "127.0.0.1"
        own = {
            "HEALTHMON_STATE_DIR": str(self.folder / name),
            "HEALTHMON_INTERVAL_SECONDS": INTERVAL_SECONDS,
            "HEALTHMON_NAME": name,
        }
        return self._start("agent", replace(self.address, host=host), *("run",), inside=inside, **own, **changed)

    def start_simulator(self, *arguments: str) -> "subprocess.Popen[bytes]":
        return self._start("simulator", self.address, *arguments, HEALTHMON_AGENT_PASSWORD=AGENT_USER)

    def _start(
        self, module: str, address: BrokerAddress, *arguments: str, inside: Sequence[str] = (), **changed: str
    ) -> "subprocess.Popen[bytes]":
        environment = {
            **os.environ,
            "HEALTHMON_RABBITMQ_HOST": address.host,
            "HEALTHMON_RABBITMQ_PORT": str(address.port),
            "HEALTHMON_RABBITMQ_USER": address.user,
            "HEALTHMON_RABBITMQ_PASSWORD": address.password,
            **changed,
        }
        with (self.folder / f"{module}.log").open("ab") as log:
            process = subprocess.Popen(
                [*inside, sys.executable, "-m", module, *arguments], env=environment, stdout=log, stderr=log
            )
        self._processes.append(process)
        return process

    def log_of(self, module: str) -> str:
        return (self.folder / f"{module}.log").read_text()

    def agents(self) -> list[Agent]:
        with reading(self.engine) as connection:
            return agents.list_agents(connection, None, 1000)

    def agent_id(self, name: str) -> str:
        """Once the agent's hello is stored."""
        its = wait_for(lambda: [one for one in self.agents() if one.host_name == name], f"{name} is known")
        return its[0].agent_id

    def incidents(self, agent_id: str, rule: str) -> list[Incident]:
        """Of the agent (HUB: of no agent), oldest first, with their timelines."""
        with reading(self.engine) as connection:
            listed = incidents.list_incidents(connection, "all", agent_id, None, 1000)
            full = [incidents.get_incident(connection, one.number) for one in reversed(listed)]
        return [one for one in full if one is not None and one.key.rule == rule]

    def silences(self, name: str) -> list[Incident]:
        return self.incidents(self.agent_id(name), "agent-silent")

    def pipeline_incidents(self) -> list[Incident]:
        return self.incidents(HUB, "pipeline")

    def wait_until_silent(self, name: str, within_seconds: float = 60.0) -> Incident:
        """Its open incident; prints how long that took."""
        began = time.monotonic()

        def found() -> Incident | None:
            return next((one for one in self.silences(name) if one.closed_ms is None), None)

        its = wait_for(found, lambda: f"{name} is silent: {self.log_of('processor')}", within_seconds=within_seconds)
        print(f"{name}: after {time.monotonic() - began:.1f} s: {its.sentence}")
        return its

    def wait_until_heard(self, name: str) -> None:
        def is_closed() -> bool:
            return all(one.closed_ms is not None for one in self.silences(name))

        wait_for(is_closed, lambda: f"{name} is heard again: {self.log_of('processor')}")
