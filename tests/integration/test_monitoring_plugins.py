"""Debian's monitoring plugins, unchanged, as checks of the agent: states, texts and readings."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from agent.checks.runner import CheckRunner, FinishedCheck
from agent.settings import load_settings
from tests.waiting import wait_for

PLUGINS = Path("/usr/lib/nagios/plugins")
NEEDED = ("check_disk", "check_load", "check_procs", "check_http", "check_tcp")


@pytest.fixture(autouse=True)
def plugins() -> None:
    """Skips without them; where CI is "true" their absence is a failure."""
    missing = [name for name in NEEDED if not os.access(PLUGINS / name, os.X_OK)]
    if missing:
        message = f"monitoring-plugins is not installed: {PLUGINS} has no {', '.join(missing)}"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)


class Quiet(SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/" else 404)
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"ok\n")

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    """Of a web server that knows one page."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        serving.start()
        yield server.server_address[1]
        server.shutdown()
        serving.join()


def outcome(folder: Path, plugin: str, *arguments: str) -> FinishedCheck:
    """Set up as a user does, run once by the runner."""
    command = ", ".join(f'"{argument}"' for argument in (str(PLUGINS / plugin), *arguments))
    file = folder / "agent.toml"
    file.write_text(f'[[checks]]\nname = "it"\nkind = "command"\ncommand = [{command}]\ntimeout_seconds = 60\n')
    runner = CheckRunner(load_settings({"HEALTHMON_AGENT_FILE": str(file)}).checks, lambda: None)
    runner.start()
    try:
        (finished,) = wait_for(runner.take, f"the end of {plugin}", within_seconds=90)
    finally:
        runner.stop()
    return finished


def test_check_disk(tmp_path: Path) -> None:
    finished = outcome(tmp_path, "check_disk", "-w", "0%", "-c", "0%", "-p", "/")
    assert (finished.result.state, finished.result.output[:7]) == ("ok", "DISK OK")
    used_bytes = finished.readings['check.bytes{check="it",label="/"}']
    space = os.statvfs("/")
    assert 0 < used_bytes <= space.f_blocks * space.f_frsize
    assert outcome(tmp_path, "check_disk", "-w", "100%", "-c", "0%", "-p", "/").result.state == "warning"
    assert outcome(tmp_path, "check_disk", "-w", "100%", "-c", "100%", "-p", "/").result.state == "critical"


def test_check_load(tmp_path: Path) -> None:
    finished = outcome(tmp_path, "check_load", "-w", "9000,9000,9000", "-c", "9999,9999,9999")
    assert finished.result.state == "ok"
    assert set(finished.readings) == {f'check.value{{check="it",label="load{minutes}"}}' for minutes in (1, 5, 15)}
    assert all(value >= 0 for value in finished.readings.values())


def test_check_procs(tmp_path: Path) -> None:
    finished = outcome(tmp_path, "check_procs", "-c", "1:")
    assert finished.result.state == "ok"
    assert finished.readings['check.value{check="it",label="procs"}'] >= 1
    assert outcome(tmp_path, "check_procs", "-C", "no-such-program", "-c", "1:").result.state == "critical"


def test_check_http(tmp_path: Path, port: int) -> None:
    finished = outcome(tmp_path, "check_http", "-H", "127.0.0.1", "-p", str(port), "-u", "/")
    assert (finished.result.state, "200" in finished.result.output) == ("ok", True)
    assert finished.readings['check.seconds{check="it",label="time"}'] > 0
    assert finished.readings['check.bytes{check="it",label="size"}'] > 0
    assert outcome(tmp_path, "check_http", "-H", "127.0.0.1", "-p", str(port), "-u", "/x").result.state == "warning"


def test_check_tcp(tmp_path: Path, port: int) -> None:
    finished = outcome(tmp_path, "check_tcp", "-H", "127.0.0.1", "-p", str(port))
    assert finished.result.state == "ok"
    assert finished.readings['check.seconds{check="it",label="time"}'] > 0
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        free_port = server.getsockname()[1]
    finished = outcome(tmp_path, "check_tcp", "-H", "127.0.0.1", "-p", str(free_port))
    assert (finished.result.state, "refused" in finished.result.output) == ("critical", True)


def test_wrong_usage_is_unknown_and_says_why(tmp_path: Path) -> None:
    finished = outcome(tmp_path, "check_disk", "--no-such-option")
    assert finished.result.state == "unknown"
    assert finished.result.output
