"""One stack of docker-compose.yml under a project name and ports of its own, driven as a user drives it."""

import json
import os
import subprocess
import urllib.request
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.stack import compose_command
from deploy.local.broker import free_ports
from tests.containers import engine_has
from tests.waiting import wait_for

ROOT = Path(__file__).parents[2]
BASE_IMAGES = ("python:3.11-slim", "rabbitmq:4-management", "postgres:17")
SERVING = ("postgres", "rabbitmq", "processor", "helpdesk", "agent", "host-agent")
OURS = ("preflight", "setup", "processor", "helpdesk", "agent", "host-agent")
STORED = (
    "select agent_id, kept.epoch, kept.seq from agent join (select agent_no, epoch, seq from snapshot"
    " union all select agent_no, epoch, seq from record) kept using (agent_no)"
)


def require_engine() -> None:
    """Skip where there is no engine or no base image, visibly; in CI an engine that cannot do it is a failure."""
    if _fails("docker", "info"):
        pytest.skip("needs a Docker engine that answers")
    missing = [image for image in BASE_IMAGES if not engine_has(image)]
    if not missing and not _fails(*compose_command(), "version"):
        return
    message = f"needs Compose and the base images; missing images: {', '.join(missing) or 'none'}"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


def _fails(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode != 0
    except (OSError, subprocess.TimeoutExpired):
        return True


class ComposeStack:
    """A project of its own; `variables` are what a user would put into .env."""

    def __init__(self, env_file: Path) -> None:
        self.project = f"healthmon-test-{uuid.uuid4().hex[:8]}"
        self.env_file = env_file
        self._web, amqp, management = free_ports(3)
        self.variables = {
            "HEALTHMON_PORT": str(self._web),
            "HEALTHMON_AMQP_PORT": str(amqp),
            "HEALTHMON_MANAGEMENT_PORT": str(management),
            "HEALTHMON_INTERVAL_SECONDS": "1",
            "HEALTHMON_RECONNECT_MAX_SECONDS": "3",  # so that the next kill, too, finds records in flow
        }

    def compose(
        self, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Run docker-compose on this project and no other; what it prints is in the result."""
        command = [*compose_command(), "--env-file", str(self.env_file), "-p", self.project, *arguments]
        return subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, **self.variables, **(environment or {}), "DOCKER_BUILDKIT": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    def must(self, *arguments: str) -> str:
        ended = self.compose(*arguments)
        assert ended.returncode == 0, f"docker-compose {' '.join(arguments)}:\n{ended.stdout}{ended.stderr}"
        return ended.stdout

    def containers(self, *services: str) -> list[str]:
        """Ids of the services' containers, or of all, stopped ones too."""
        return [line.split()[0] for line in self._listing() if not services or line.split()[1] in services]

    def _listing(self) -> list[str]:
        shown = '{{.ID}} {{.Label "com.docker.compose.service"}}'
        return _output("docker", "ps", "-a", "--format", shown, "--filter", self._label).splitlines()

    @property
    def _label(self) -> str:
        return f"label=com.docker.compose.project={self.project}"

    def inspect(self, container: str) -> dict[str, Any]:
        state: dict[str, Any] = json.loads(_output("docker", "inspect", container))[0]
        return state

    def published_at(self) -> set[str]:
        """Addresses at which the project's containers publish ports."""
        networks = [self.inspect(container)["NetworkSettings"] for container in self.containers()]
        return {port["HostIp"] for network in networks for ports in network["Ports"].values() for port in ports or []}

    def health(self) -> dict[str, str]:
        """Of every serving container, by its name."""
        found = [self.inspect(container) for container in self.containers(*SERVING)]
        return {state["Name"]: state["State"].get("Health", {}).get("Status", "none") for state in found}

    def wait_until_healthy(self, *, within_seconds: float = 90) -> None:
        def all_healthy() -> bool:
            health = self.health()
            return len(health) >= len(SERVING) and set(health.values()) == {"healthy"}

        def what() -> str:
            return f"all healthy: {self.health()}\n{self.logs()[-6000:]}"

        wait_for(all_healthy, what, within_seconds=within_seconds)

    def logs(self, *services: str) -> str:
        return self.must("logs", "--no-color", *services)

    def get(self, path: str) -> Any:
        """What the help desk answers as JSON; None while it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._web}{path}", timeout=5) as answer:
                return json.load(answer)
        except OSError:
            return None

    def agents(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (self.get("/api/v1/agents") or {"items": []})["items"]
        return found

    def stored(self) -> list[tuple[str, int, int]]:
        """Agent, epoch and number of every record in the database, sorted."""
        rows = self.must("exec", "-T", "postgres", "psql", "-U", "healthmon", "-At", "-F", " ", "-c", STORED)
        return sorted((agent, int(epoch), int(seq)) for agent, epoch, seq in map(str.split, rows.splitlines()))

    def agents_own_state(self) -> list[dict[str, Any]]:
        """What each agent keeps about itself, less what is being written just now; there also when it is stopped.

        Only root may read it: it is taken from where the engine keeps its volumes. (`docker cp` would mount the host's
        whole tree, which one service has, once more with each call.)
        """
        files = [
            file
            for volume in ("agent-state", "host-agent-state")
            for file in self._volume(volume).glob("slots/*/status.json")
        ]
        states = []
        for file in files:
            with suppress(json.JSONDecodeError):
                states.append(json.loads(file.read_text()))
        return states

    def _volume(self, name: str) -> Path:
        shown = _output("docker", "volume", "inspect", "--format", "{{.Mountpoint}}", f"{self.project}_{name}")
        return Path(shown.strip())

    def agents_own_last(self) -> dict[tuple[str, int], int]:
        """The highest number that each agent gave, by agent and epoch."""
        return {(state["agent_id"], state["epoch"]): state["last_seq"] for state in self.agents_own_state()}

    def leftovers(self) -> list[str]:
        """Containers, volumes and networks of this project."""
        listings = (["ps", "-aq"], ["volume", "ls", "-q"], ["network", "ls", "-q"])
        found = [_output("docker", *listing, "--filter", self._label) for listing in listings]
        return [line for listing in found for line in listing.splitlines()]


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
