"""The troubles: each can be made, is bounded, and is healed whatever happens to the demo."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

BURN_SECONDS = 120
BALLAST = "/demo/ballast"
BALLAST_KIBIBYTES = 16_000  # 98 % of the file system that docker-compose.yml gives each agent


class Trouble(Protocol):
    """What the demo makes and heals; `heal` is safe to call at any time, also twice."""

    intention: str

    def start(self) -> None: ...

    def heal(self) -> None: ...

    def causes(self, incident: Mapping[str, Any]) -> bool:
        """Whether an incident, as the API shows it, is this trouble's."""
        ...


class FullDisk:
    """Fills the first agent container's own 16 MB file system, /demo, which holds nothing else."""

    intention = "filling /demo, a file system of 16 MB that the first agent's container has for this"

    def __init__(self, compose: Sequence[str]) -> None:
        self._inside = [*compose, "exec", "-T", "--index=1", "agent"]
        self._host_name = ""

    def start(self) -> None:
        """Raises subprocess.CalledProcessError when there is no first agent."""
        self._host_name = self._run("hostname").strip()
        self._run("dd", "if=/dev/zero", f"of={BALLAST}", "bs=1K", f"count={BALLAST_KIBIBYTES}", "status=none")

    def heal(self) -> None:
        self._run("rm", "-f", BALLAST)

    def _run(self, *command: str) -> str:
        ended = subprocess.run(
            [*self._inside, *command], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        return ended.stdout

    def causes(self, incident: Mapping[str, Any]) -> bool:
        place = (incident["rule"], incident["subject"], incident["host_name"])
        return place == ("disk-usage", 'mount="/demo"', self._host_name)


class BusyCpu:
    """Keeps every core of this machine busy at the lowest priority, for two minutes at most."""

    intention = f"keeping all cores of this machine busy at the lowest priority, for {BURN_SECONDS} s at most"

    def __init__(self, agent_state: Path) -> None:
        self._agent_state = agent_state
        self._burners: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        command = [sys.executable, "-m", "deploy.demo.burn", str(BURN_SECONDS), str(os.getpid())]
        self._burners = [subprocess.Popen(command) for _ in range(os.cpu_count() or 1)]

    def heal(self) -> None:
        for burner in self._burners:
            burner.kill()
        for burner in self._burners:
            burner.wait()

    def causes(self, incident: Mapping[str, Any]) -> bool:
        here = {platform.node(), *self._names_of_agents()}
        return incident["rule"] == "cpu-usage" and incident["host_name"] in here

    def _names_of_agents(self) -> Iterator[str]:
        """What this machine's agents call themselves: their settings may give them another name."""
        for file in self._agent_state.glob("slots/*/status.json"):
            with suppress(OSError, ValueError, KeyError):
                yield json.loads(file.read_text())["name"]
