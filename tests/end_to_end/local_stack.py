"""The local stack as a user runs it, in a state folder and on ports of its own."""

import http.client
import json
import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import text

from agent.status import Status, read_statuses
from deploy.local.broker import free_ports
from deploy.local.settings import DEFAULT_PORTS, ROOT
from store.engine import open_engine, reading
from tests.processes import wait_until_gone
from tests.waiting import wait_for

START_SECONDS = 120
STORED = "select epoch, seq from snapshot union all select epoch, seq from record order by epoch, seq"  # one agent


class LocalStack:
    """`python -m deploy.local up` with one agent that reports each second."""

    def __init__(self, var: Path) -> None:
        self.var = var
        ports = dict(zip(DEFAULT_PORTS, free_ports(len(DEFAULT_PORTS)), strict=True))
        self.port = ports["HEALTHMON_PORT"]
        self.key: str | None = None  # what the help desk asks for once it is published beyond this machine
        self.environment = {name: str(port) for name, port in ports.items()}
        self.environment |= {"HEALTHMON_INTERVAL_SECONDS": "1", "HEALTHMON_BIND": "127.0.0.1"}
        self._up: subprocess.Popen[bytes] | None = None
        self._log = var.parent / "stack.log"

    def start(self) -> None:
        """Return when a host has metrics."""
        with self._log.open("ab") as log:
            self._up = subprocess.Popen(self.command("up"), env=self._environment(), stdout=log, stderr=log)
        wait_for(self._has_metrics, "a host with metrics", within_seconds=START_SECONDS)

    def command(self, verb: str) -> list[str]:
        return [sys.executable, "-m", "deploy.local", verb, "--var", str(self.var)]

    def call(self, verb: str) -> subprocess.CompletedProcess[str]:
        """Run another `up` or `down`."""
        return subprocess.run(
            self.command(verb), env=self._environment(), cwd=ROOT, capture_output=True, text=True, check=False
        )

    def _environment(self) -> dict[str, str]:
        return {**os.environ, **self.environment}

    def log(self) -> str:
        return self._log.read_text() if self._log.exists() else ""

    def agents(self) -> list[dict[str, Any]]:
        """What /api/v1/agents lists; nothing while the help desk is away."""
        items: list[dict[str, Any]] = self.get("/api/v1/agents").get("items", [])
        return items

    def get(self, path: str) -> dict[str, Any]:
        """What the help desk answers; nothing while it is away."""
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        bind = self.environment["HEALTHMON_BIND"]
        with closing(http.client.HTTPConnection(bind, self.port, timeout=10)) as connection:
            try:
                connection.request("GET", path, headers=headers)
                answer: dict[str, Any] = json.load(connection.getresponse())
            except (OSError, http.client.HTTPException):
                return {}
        return answer

    def _has_metrics(self) -> bool:
        assert self._up is not None
        assert self._up.poll() is None, self.log()
        return any(agent["has_metrics"] for agent in self.agents())

    def stored(self) -> list[tuple[int, int]]:
        """Every stored record's (epoch, seq), in order."""
        engine = open_engine(f"sqlite:///{self.var / 'healthmon.db'}")
        try:
            with reading(engine) as connection:
                return [(row.epoch, row.seq) for row in connection.execute(text(STORED))]
        finally:
            engine.dispose()

    def agent_status(self) -> Status:
        """What the agent itself says, from its own file."""
        (status,) = read_statuses(self.var / "agent")
        return status

    def wait_for_records(self, more: int) -> None:
        wanted = len(self.stored()) + more
        wait_for(lambda: len(self.stored()) >= wanted, f"{wanted} stored records")

    def process_id(self, words: str) -> int:
        """Of the running child whose command line holds the words."""

        def find() -> int | None:
            return next((child for child in self._children() if words in _command_line(child)), None)

        return wait_for(find, f"a child process with {words!r}")

    def _children(self) -> list[int]:
        assert self._up is not None
        return [int(child) for child in Path(f"/proc/{self._up.pid}/task/{self._up.pid}/children").read_text().split()]

    def kill(self, words: str) -> None:
        """The sudden death of one program."""
        os.kill(self.process_id(words), signal.SIGKILL)

    def end(self, number: signal.Signals) -> int:
        """Send the signal to the stack and wait for its end; the exit code."""
        assert self._up is not None
        self._up.send_signal(number)
        code = self._up.wait(timeout=60)
        wait_until_gone(str(self.var))
        return code

    def discard(self) -> None:
        """Whatever the test did, nothing of it stays; pytest shows the log when the test failed."""
        if self._up is not None and self._up.poll() is None:
            self.end(signal.SIGKILL)
        sys.stdout.write(self.log())


def _command_line(process_id: int) -> str:
    try:
        return Path(f"/proc/{process_id}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
