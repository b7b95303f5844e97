"""A private Alertmanager, and what it was told."""

import json
import shutil
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.waiting import wait_for

CONFIGURATION = """
route: {receiver: nobody, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 4h}
receivers: [{name: nobody}]
"""


@dataclass
class RunningAlertmanager:
    url: str

    def alerts(self) -> list[dict[str, Any]]:
        """Those that fire now, in the order of their names and severities."""
        with urllib.request.urlopen(f"{self.url}/api/v2/alerts", timeout=5) as answer:  # noqa: S310 our own address
            alerts: list[dict[str, Any]] = json.load(answer)
        return sorted(alerts, key=lambda alert: (alert["labels"]["alertname"], alert["labels"]["severity"]))

    def severities(self) -> list[str]:
        return [alert["labels"]["severity"] for alert in self.alerts()]


def binary() -> str | None:
    return shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")


@contextmanager
def alertmanager(folder: Path, port: int | None = None) -> Iterator[RunningAlertmanager]:
    """One that runs until the end of the block, on a free port unless one is given."""
    port = port or free_port()
    folder.mkdir(exist_ok=True)
    (folder / "alertmanager.yml").write_text(CONFIGURATION)
    command = [
        *("setpriv", "--pdeathsig=KILL", str(binary())),
        f"--config.file={folder}/alertmanager.yml",
        f"--storage.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    with (folder / "log").open("ab") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        running = RunningAlertmanager(f"http://127.0.0.1:{port}")
        try:
            wait_for(lambda: _is_ready(running), "an Alertmanager that answers")
            yield running
        finally:
            process.kill()
            process.wait()


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port: int = server.getsockname()[1]
    return port


def _is_ready(running: RunningAlertmanager) -> bool:
    try:
        running.alerts()
    except OSError:
        return False
    return True
