"""`healthmon simulate`: hands over to the simulator, which talks to the broker itself."""

import os
import sys
from importlib.util import find_spec
from typing import NoReturn

import typer

from cli.exits import ExitCode, Trouble

NEEDED = ("simulator", "agent", "rabbitmq", "pika", "msgspec")


def simulate(context: typer.Context) -> NoReturn:
    """Let many imagined hosts report, to see how much this carries and how troubles look."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise Trouble(
            f"Not installed here: {', '.join(missing)}. The simulator needs what the agent needs. Install it: "
            "pip install 'healthmon[agent,cli]', or use the servers' container: "
            "docker-compose exec helpdesk healthmon simulate --agents 100",
            ExitCode.UNREACHABLE,
        )
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "simulator", *context.args])  # noqa: S606 - no shell is the point
