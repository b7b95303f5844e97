"""What monitoring plugins measure goes the whole way: agent, broker, processor, history."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from store import snapshots
from store.engine import reading
from tests.integration.silence_stage import Stage
from tests.integration.test_monitoring_plugins import PLUGINS, plugins
from tests.waiting import wait_for

HOUR_MS = 3_600_000
EXPECTED = {
    'check.bytes{check="check_disk",label="/"}',
    'check.value{check="check_load",label="load1"}',
    'check.value{check="check_procs",label="procs"}',
    'check.seconds{check="check_http",label="time"}',
    'check.seconds{check="check_tcp",label="time"}',
}

__all__ = ["plugins"]  # the fixture that skips without them


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    try:
        stage.open()
        yield stage
    finally:
        stage.close()


def settings_of(stage: Stage) -> Path:
    port = str(stage.broker.plan.ports.management)
    commands = {
        "check_disk": ("-w", "0%", "-c", "0%", "-p", "/"),
        "check_load": ("-w", "9000,9000,9000", "-c", "9999,9999,9999"),
        "check_procs": ("-w", "100000", "-c", "200000"),
        "check_http": ("-H", "127.0.0.1", "-p", port, "-u", "/"),
        "check_tcp": ("-H", "127.0.0.1", "-p", port),
    }
    tables = [
        f'[[checks]]\nname = "{name}"\nkind = "command"\ninterval_seconds = 2\ntimeout_seconds = 60\n'
        f"command = {[str(PLUGINS / name), *arguments]}\n"
        for name, arguments in commands.items()
    ]
    file = stage.folder / "agent.toml"
    file.write_text("\n".join(tables))
    return file


def test_performance_data_of_five_plugins_is_in_the_history(stage: Stage) -> None:
    stage.start_processor()
    stage.start_agent("web-3", HEALTHMON_AGENT_FILE=str(settings_of(stage)))
    agent_id = stage.agent_id("web-3")

    def series() -> set[str]:
        end_ms = time.time_ns() // 1_000_000 + 1
        with reading(stage.engine) as connection:
            found = snapshots.history(connection, agent_id, sorted(EXPECTED), end_ms - HOUR_MS, end_ms, max_points=600)
        return {name for name, points in found.items() if len(points) >= 2}

    wait_for(lambda: series() == EXPECTED, lambda: f"{series()}\n{stage.log_of('agent')}", within_seconds=120)
