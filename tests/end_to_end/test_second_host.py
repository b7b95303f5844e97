"""A second host joins as the README says: it has an address of the server, the agent's password, and nothing else."""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from agent.status import read_statuses
from deploy.preflight.exposure import ADMIN_PASSWORD
from rabbitmq.setup import PASSWORD_VARIABLES
from rabbitmq.topology import AGENT_USER
from tests.brokers import require_rabbitmq
from tests.end_to_end.local_stack import LocalStack
from tests.waiting import wait_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0 or shutil.which("ip") is None, reason="needs root and ip: makes a network"),
]

PROGRAMS = Path(sys.executable).parent
AGENT_PASSWORD = PASSWORD_VARIABLES[AGENT_USER]


@dataclass(frozen=True, slots=True)
class Wire:
    """A pair of interfaces: one end here, at `server_address`, the other in a network namespace of its own.

    The loopback stays down there, as a fresh namespace has it: an agent needs none.
    """

    namespace: str
    here: str
    there: str
    server_address: str

    @property
    def agent_address(self) -> str:
        return str(IPv4Address(self.server_address) + 1)

    def plug_in(self) -> None:
        _run("ip", "netns", "add", self.namespace)
        _run("ip", "link", "add", self.here, "type", "veth", "peer", "name", self.there, "netns", self.namespace)
        _run("ip", "address", "add", f"{self.server_address}/30", "dev", self.here)
        _run("ip", "link", "set", self.here, "up")
        self.run("ip", "address", "add", f"{self.agent_address}/30", "dev", self.there)
        self.run("ip", "link", "set", self.there, "up")

    def run(self, *command: str) -> None:
        _run(*self.inside(*command))

    def inside(self, *command: str) -> list[str]:
        return ["ip", "netns", "exec", self.namespace, *command]

    def pull_out(self) -> None:
        """The interfaces go with the namespace."""
        subprocess.run(["ip", "netns", "delete", self.namespace], check=False, timeout=30)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, timeout=30)


@pytest.fixture
def wire() -> Iterator[Wire]:
    mark = uuid.uuid4().hex[:6]
    # from the range that is kept for tests between two networks
    address = f"198.18.{secrets.randbelow(256)}.{4 * secrets.randbelow(64) + 1}"
    one = Wire(f"healthmon-{mark}", f"hm{mark}a", f"hm{mark}b", address)
    try:
        one.plug_in()
        yield one
    finally:
        one.pull_out()


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[LocalStack]:
    require_rabbitmq()
    one = LocalStack(tmp_path / "var")
    yield one
    one.discard()


def let_others_in(stack: LocalStack, address: str) -> None:
    """Passwords of its own, a key for people, then the address: the order in which the README has it."""
    stack.environment |= {name: secrets.token_urlsafe(24) for name in (ADMIN_PASSWORD, *PASSWORD_VARIABLES.values())}
    stack.start()
    url = f"http://127.0.0.1:{stack.port}"
    environment = {**os.environ, "HEALTHMON_ADMIN_KEY_FILE": str(stack.var / "run" / "admin.key")}
    command = [str(PROGRAMS / "healthmon"), "--url", url, "keys", "create", "--role", "viewer"]
    made = subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=30)
    stack.key = made.stdout.strip()
    stack.end(signal.SIGTERM)
    stack.environment["HEALTHMON_BIND"] = address
    stack.start()


def agent_variables(stack: LocalStack, address: str, state: Path) -> dict[str, str]:
    """What the README has a host export."""
    return {
        "HEALTHMON_RABBITMQ_HOST": address,
        "HEALTHMON_RABBITMQ_PORT": stack.environment["HEALTHMON_AMQP_PORT"],
        "HEALTHMON_RABBITMQ_PASSWORD": stack.environment[AGENT_PASSWORD],
        "HEALTHMON_STATE_DIR": str(state),
    }


def test_a_host_with_a_network_of_its_own_joins_and_leaves(stack: LocalStack, wire: Wire, tmp_path: Path) -> None:
    let_others_in(stack, wire.server_address)
    variables = agent_variables(stack, wire.server_address, tmp_path / "second")
    command = wire.inside(str(PROGRAMS / "healthmon-agent"), "run")
    with subprocess.Popen(command, env={**os.environ, **variables}) as agent:
        try:
            agent_id = wait_for(lambda: joined(stack, agent, tmp_path / "second"), "the second host with metrics")
            assert wire.agent_address in json.dumps(stack.get(f"/api/v1/agents/{agent_id}/system"))
            assert len(stack.agents()) == 2
        finally:
            agent.terminate()
    wait_for(lambda: "was stopped" in sentence_of(stack, agent_id), "the second host's goodbye")


def joined(stack: LocalStack, agent: "subprocess.Popen[bytes]", state: Path) -> str | None:
    """The id of the agent that keeps its state there, once the help desk has its metrics."""
    assert agent.poll() is None
    own = {status.agent_id for status in read_statuses(state)}
    shown = {one["agent_id"] for one in stack.agents() if one["connected"] and one["has_metrics"]}
    return next(iter(own & shown), None)


def sentence_of(stack: LocalStack, agent_id: str) -> str:
    return next((str(agent["sentence"]) for agent in stack.agents() if agent["agent_id"] == agent_id), "")
