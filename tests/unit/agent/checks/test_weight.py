"""What checks cost an agent that has none, and one that has."""

import subprocess
import sys
from pathlib import Path

NOT_WITHOUT_CHECKS = {"http.client", "ssl", "agent.checks.kinds", "agent.checks.http", "subprocess"}
MOST_KIB = 40 * 1024


def output_of(program: str, **environment: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True, check=True, timeout=120
    ).stdout


def test_without_checks_nothing_is_loaded_and_no_thread_is_there() -> None:
    program = """
import sys, threading
from agent.settings import load_settings
from agent.checks.runner import CheckRunner
runner = CheckRunner(load_settings({}).checks, lambda: None)
runner.start()
print(threading.active_count())
runner.stop()
print(*sys.modules)
"""
    threads, modules = output_of(program).splitlines()
    assert threads == "1"
    assert NOT_WITHOUT_CHECKS.isdisjoint(modules.split())


def test_an_agent_with_checks_of_every_kind_stays_small(tmp_path: Path) -> None:
    """All that a running agent loads, and twenty rounds of checks on top; TLS loads the system's authorities."""
    log = tmp_path / "a.log"
    log.touch()
    file = tmp_path / "agent.toml"
    file.write_text(f"""
[[checks]]
name = "command"
kind = "command"
command = ["/usr/bin/head", "-c", "1000000", "/dev/zero"]
[[checks]]
name = "tcp"
kind = "tcp"
host = "127.0.0.1"
port = 1
[[checks]]
name = "http"
kind = "http"
url = "https://127.0.0.1:1/"
[[checks]]
name = "process"
kind = "process"
pattern = "python"
[[checks]]
name = "unit"
kind = "unit"
unit = "cron.service"
[[checks]]
name = "log"
kind = "log_file"
file = "{log}"
pattern = "ERROR"
[[checks]]
name = "certificate"
kind = "certificate"
file = "{log}"
""")
    program = """
import os, time
import agent.main, agent.agent
from agent.checks.http import _tls_context
from agent.checks.runner import CheckRunner
from agent.settings import load_settings
_tls_context()
runner = CheckRunner(load_settings(os.environ).checks, lambda: None)
runner.start()
ended, deadline = 0, time.monotonic() + 60
while ended < 140 and time.monotonic() < deadline:
    runner.run_now()
    ended += len(runner.take())
    time.sleep(0.005)
runner.stop()
print(ended, open("/proc/self/status").read().split("VmRSS:")[1].split()[0])
"""
    ended, resident_kib = map(int, output_of(program, HEALTHMON_AGENT_FILE=str(file)).split())
    assert ended >= 140
    assert resident_kib < MOST_KIB
