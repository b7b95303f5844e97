"""A poll end to end: the real help desk, agent and processor around a real broker, each with its own account."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deploy.local.broker import free_ports
from rabbitmq.accounts import set_up_accounts
from rabbitmq.connection import BrokerAddress
from rabbitmq.declare import declare_topology
from rabbitmq.topology import PERMISSIONS
from tests.brokers import SharedBroker
from tests.waiting import wait_for

INTERVAL_SECONDS = 300  # so that what arrives after the first snapshot was asked for
PROGRAMS = ("processor", "helpdesk_api", "agent")


class Stack:
    """The three programs of one test, stopped in the end."""

    def __init__(self, address: BrokerAddress, store_url: str, folder: Path) -> None:
        self.port = free_ports(1)[0]
        self._folder = folder
        self._environment = {
            **os.environ,
            "HEALTHMON_DATABASE_URL": store_url,
            "HEALTHMON_RABBITMQ_PORT": str(address.port),
            "HEALTHMON_RABBITMQ_VIRTUAL_HOST": address.virtual_host,
            "HEALTHMON_PORT": str(self.port),
            "HEALTHMON_ADMIN_KEY_FILE": str(folder / "admin.key"),
            "HEALTHMON_STATE_DIR": str(folder),
            "HEALTHMON_INTERVAL_SECONDS": str(INTERVAL_SECONDS),
        }
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, program: str) -> None:
        arguments = [sys.executable, "-m", program, *(["run"] if program == "agent" else [])]
        with (self._folder / f"{program}.log").open("ab") as log:
            self._processes[program] = subprocess.Popen(arguments, env=self._environment, stdout=log, stderr=log)

    def stop(self, program: str) -> int:
        process = self._processes.pop(program)
        process.terminate()
        return process.wait(30)

    def kill_all(self) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait()

    def log(self, program: str) -> str:
        return (self._folder / f"{program}.log").read_text()

    def call(self, path: str, method: str = "GET") -> tuple[int, Any]:
        """Status and body; (0, None) while nobody answers."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)
        except OSError:
            return 0, None


@pytest.fixture
def stack(
    shared_broker: SharedBroker, broker_address: BrokerAddress, sqlite_template: Path, tmp_path: Path
) -> Iterator[Stack]:
    management = replace(shared_broker.management, virtual_host=broker_address.virtual_host)
    declare_topology(management)
    set_up_accounts(management, {user: user for user in PERMISSIONS})
    store = tmp_path / "healthmon.db"
    store.write_bytes(sqlite_template.read_bytes())
    stack = Stack(broker_address, f"sqlite:///{store}", tmp_path)
    yield stack
    stack.kill_all()


def agent_with_metrics(stack: Stack) -> dict[str, Any] | None:
    _, agents = stack.call("/api/v1/agents")
    [agent] = agents["items"] if agents and agents["items"] else [{}]
    return agent if agent.get("has_metrics") else None


def test_a_poll_brings_a_fresh_snapshot_through_the_whole_chain(stack: Stack) -> None:
    for program in PROGRAMS:
        stack.start(program)
    agent = wait_for(lambda: agent_with_metrics(stack), "an agent with metrics")
    wait_for(lambda: stack.call("/readyz")[0] == 200, "records flow")
    _, before = stack.call(f"/api/v1/agents/{agent['agent_id']}/metrics")

    status, polled = stack.call(f"/api/v1/agents/{agent['agent_id']}/poll", "POST")
    assert status == 200
    assert polled["seq"] > before["seq"]
    assert polled["readings"]["memory.usage_percent"] > 0

    assert stack.stop("agent") == 0
    wait_for(lambda: stack.call(f"/api/v1/agents/{agent['agent_id']}")[1]["state"] == "stale", "the goodbye")
    status, refused = stack.call(f"/api/v1/agents/{agent['agent_id']}/poll", "POST")
    assert status == 409
    assert "was stopped" in refused["detail"]


def test_the_help_desk_says_little_and_leaves_nothing(stack: Stack, tmp_path: Path) -> None:
    stack.start("helpdesk_api")
    wait_for(lambda: stack.call("/healthz")[0] == 200, "the help desk answers")
    assert (tmp_path / "admin.key").exists()
    assert stack.call("/api/v1/agents")[0] == 200
    assert stack.stop("helpdesk_api") == 0
    assert not (tmp_path / "admin.key").exists()
    told = [line.split(maxsplit=2)[2] for line in stack.log("helpdesk_api").splitlines()]
    assert told == [f"ready  http://localhost:{stack.port}", "stopped"]
