"""A start that cannot be: one line per problem, exit 2, nothing left behind."""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

REPOSITORY = Path(__file__).parents[3]
NO_LOGS: Mapping[str, str] = {}


def start(folder: Path, logs: Mapping[str, str] = NO_LOGS, **settings: str) -> tuple[int, list[str]]:
    """The exit code, and the lines without their clocks."""
    own = {f"HEALTHMON_{name}": value for name, value in settings.items()}
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), **logs, **own}
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


def test_settings_of_the_log_are_among_them(tmp_path: Path) -> None:
    code, told = start(tmp_path, PORT="http", logs={"LOG_LEVEL": "loud", "LOG_FORMAT": "xml"})
    assert code == 2
    assert [line.split()[0].rstrip(":") for line in told] == ["LOG_LEVEL", "LOG_FORMAT", "HEALTHMON_PORT"]


def test_a_key_file_that_cannot_be_written_names_the_setting(tmp_path: Path) -> None:
    code, told = start(tmp_path, PORT=free_port(), ADMIN_KEY_FILE="/dev/null/run/admin.key")
    assert code == 2
    [line] = told
    assert line.startswith("HEALTHMON_ADMIN_KEY_FILE: /dev/null/run/admin.key cannot be written: Not a directory.")


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return str(free.getsockname()[1])


def test_a_taken_port_names_the_setting(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, told = start(tmp_path, PORT=str(port))
    assert code == 2
    [line] = told
    assert line.startswith(f"cannot listen on 127.0.0.1:{port}: Address already in use. Set HEALTHMON_PORT to ")


def test_an_address_of_another_machine_names_the_other_setting(tmp_path: Path) -> None:
    code, told = start(tmp_path, PORT=free_port(), LISTEN="192.0.2.1")
    assert code == 2
    [line] = told
    assert "Set HEALTHMON_LISTEN to an address of this machine; 127.0.0.1 is for this machine alone." in line
