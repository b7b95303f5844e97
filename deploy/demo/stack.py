"""Which stack is up, and how its `healthmon` is called."""

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from deploy.demo.trouble import BusyCpu, FullDisk, Trouble
from deploy.local.dotenv import read_dotenv

ROOT = Path(__file__).parents[2]
HEALTHMON = ROOT / ".venv/bin/healthmon"
ADMIN_KEY_FILE = ROOT / "var/run/admin.key"
AGENT_STATE = ROOT / "var/agent"
PATIENCE_SECONDS = 30
Ended: TypeAlias = "subprocess.CompletedProcess[str]"


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack: its mode, its operator's command, and the trouble that fits it."""

    mode: str
    healthmon: Sequence[str]
    trouble: Trouble


def compose_command() -> list[str]:
    """docker-compose 1.29.2 or Compose v2, whichever is installed; the first when neither is."""
    alone = shutil.which("docker-compose") or not shutil.which("docker")
    return ["docker-compose"] if alone else ["docker", "compose"]


def find_stack(environment: Mapping[str, str]) -> Stack | None:
    """The stack that answers; MODE=compose or MODE=local looks for that one alone."""
    wanted = environment.get("MODE") or "auto"
    compose = compose_command()
    candidates = [
        Stack("compose", [*compose, "exec", "-T", "helpdesk", "healthmon"], FullDisk(compose)),
        Stack("local", [*_own_key(environment), str(HEALTHMON), "--url", local_url(environment)], BusyCpu(AGENT_STATE)),
    ]
    return next((stack for stack in candidates if wanted in ("auto", stack.mode) and _answers(stack)), None)


def _own_key(environment: Mapping[str, str]) -> list[str]:
    """What puts the help desk's own key before a command: published beyond this machine, it asks everybody for one."""
    given = {"HEALTHMON_API_KEY", "HEALTHMON_API_KEY_FILE"} & environment.keys()
    return [] if given or not ADMIN_KEY_FILE.exists() else ["env", f"HEALTHMON_API_KEY_FILE={ADMIN_KEY_FILE}"]


def local_url(environment: Mapping[str, str]) -> str:
    """Where the local stack's help desk is, by the settings that started it."""
    settings = {**read_dotenv(ROOT / ".env"), **environment}
    bind = settings.get("HEALTHMON_BIND") or "127.0.0.1"
    host = "127.0.0.1" if bind == "0.0.0.0" else bind  # noqa: S104 - read here, not bound
    return settings.get("HEALTHMON_URL") or f"http://{host}:{settings.get('HEALTHMON_PORT') or 8000}"


def _answers(stack: Stack) -> bool:
    try:
        return _run([*stack.healthmon, "status"], stderr=subprocess.DEVNULL).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


class Desk:
    """The help desk, asked through the command that people use."""

    def __init__(self, healthmon: Sequence[str]) -> None:
        self._healthmon = healthmon

    def open_incidents(self) -> list[dict[str, Any]]:
        """Raises subprocess.CalledProcessError when the help desk does not answer."""
        found: list[dict[str, Any]] = self._json("incidents")["incidents"]
        return found

    def is_closed(self, number: int) -> bool:
        return self._json("show", f"i/{number}")["incident"]["closed"] is not None

    def shown(self, number: int) -> str:
        """The incident as people see it."""
        return _run([*self._healthmon, "show", f"i/{number}"], check=True).stdout

    def _json(self, *arguments: str) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(_run([*self._healthmon, *arguments, "--json"], check=True).stdout)
        return answer


def _run(
    command: Sequence[str], *, check: bool = False, stderr: int | None = None
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        check=check,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        cwd=ROOT,
        timeout=PATIENCE_SECONDS,
    )
