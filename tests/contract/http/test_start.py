"""A start that cannot be: one line per problem, exit 2, nothing left behind."""

import os
import socket
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]


def start(folder: Path, **settings: str) -> tuple[int, list[str]]:
    """The exit code, and the lines without their clocks."""
    own = {f"HEALTHMON_{name}": value for name, value in settings.items()}
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), **own}
    command = [sys.executable, "-m", "helpdesk_api"]
    ended = subprocess.run(
        command, check=False, cwd=folder, env=environment, capture_output=True, text=True, timeout=60
    )
    assert ended.stderr == ""
    assert list(folder.iterdir()) == []
    return ended.returncode, [line.split(maxsplit=2)[2] for line in ended.stdout.splitlines()]


def test_every_setting_that_is_wrong_is_named_at_once(tmp_path: Path) -> None:
    code, told = start(tmp_path, PORT="http", RABBITMQ_PORT="0", RABBITMQ_PASSWORD_FILE="/nonexistent/secret")
    assert code == 2
    assert [line.split(":")[0] for line in told] == [
        "HEALTHMON_RABBITMQ_PASSWORD_FILE",
        "HEALTHMON_RABBITMQ_PORT",
        "HEALTHMON_PORT",
    ]


def test_a_taken_port_names_the_setting(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, told = start(tmp_path, PORT=str(port))
    assert code == 2
    [line] = told
    assert line.startswith(f"cannot listen on 127.0.0.1:{port}: Address already in use. Set HEALTHMON_PORT or ")
