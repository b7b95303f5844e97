"""Hosts made of recorded files, so that collectors can be tested on values that are known."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from agent.host import Host
from rabbitmq.records import Scope

RECORDED = Path(__file__).parent / "recorded"
# A server with two cores, recorded twice with five seconds between.
SECONDS_BETWEEN = 5.0


def recorded(name: str, scope: Scope = "host") -> Host:
    folder = RECORDED / name
    return Host(folder / "proc", folder / "sys", Path("/"), scope)


def server_first() -> Host:
    return recorded("server_first")


def server_second() -> Host:
    return recorded("server_second")


def container(version: int) -> Host:
    return recorded(f"container_v{version}", "container")


def changed_container(folder: Path, version: int, files: Mapping[str, str]) -> Host:
    """A copy of a container with other contents in some files of its control group."""
    shutil.copytree(RECORDED / f"container_v{version}", folder, dirs_exist_ok=True)
    for name, content in files.items():
        (folder / "sys/fs/cgroup" / name).write_text(content)
    return Host(folder / "proc", folder / "sys", Path("/"), "container")
