"""RabbitMQ where it is missing: installed when we may, else one message with the exact command."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from deploy.local.broker import is_installed

SCRIPT = Path(__file__).with_name("install_rabbitmq.sh")
NO_APT = (
    "RabbitMQ is not installed, and there is no apt-get here to install it with. Install rabbitmq-server of your "
    "system, then `make up` again."
)


class NotInstalled(Exception):
    """RabbitMQ is missing; the message says what to run."""


def require_rabbitmq(say: Callable[[str], None]) -> None:
    """Install Debian's package as root or by sudo without a password; raises NotInstalled."""
    if is_installed():
        return
    if shutil.which("apt-get") is None:
        raise NotInstalled(NO_APT)
    root = _way_to_root()
    if root is None:
        raise NotInstalled(_advice())
    say("RabbitMQ is missing: installing Debian's rabbitmq-server (about a minute; no system broker is started)")
    done = subprocess.run([*root, "sh", str(SCRIPT)], stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0 or not is_installed():
        raise NotInstalled(f"Installing RabbitMQ failed with exit code {done.returncode}; apt-get says why above.")


def _advice() -> str:
    command = f"sh {SCRIPT.relative_to(SCRIPT.parents[2])}"
    as_root = f"sudo {command}" if shutil.which("sudo") else f"su -c '{command}'"
    return (
        "RabbitMQ is not installed, and installing it needs root. Run this, then `make up` again:\n"
        f"  {as_root}\n"
        "It installs Debian's rabbitmq-server and starts no system broker."
    )


def _way_to_root() -> list[str] | None:
    """What to put before a command to run it as root without a question."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        return None
    asked = subprocess.run(["sudo", "-n", "true"], stderr=subprocess.DEVNULL, check=False)  # noqa: S607
    return ["sudo", "-n"] if asked.returncode == 0 else None
