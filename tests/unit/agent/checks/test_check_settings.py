"""Checks and actions in the agent's file: every problem at once, with its place; nothing is paid without them."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from agent.action_settings import ActionSetting
from agent.checks.certificate import CertificateCheck
from agent.checks.command import CommandCheck
from agent.checks.http import HttpCheck
from agent.checks.kinds import KINDS
from agent.checks.log_file import LogFileCheck
from agent.checks.process import ProcessCheck
from agent.checks.tcp import TcpCheck
from agent.checks.unit import UnitCheck
from agent.settings import ConfigError, Settings, load_settings

ONE_OF_EACH = """
[[checks]]
name = "disk /var"
kind = "command"
command = ["/usr/lib/nagios/plugins/check_disk", "-w", "20%", "-c", "10%", "-p", "/var"]
interval_seconds = 300
user = "nobody"
[[checks]]
name = "redis"
kind = "tcp"
host = "127.0.0.1"
port = 6379
send = "PING\\r\\n"
expect = "PONG"
[[checks]]
name = "shop"
kind = "http"
url = "https://shop.example.org/health"
status = [200, 204]
body = "ready"
certificate_warning_days = 20
[[checks]]
name = "nginx"
kind = "process"
program = "nginx"
min_count = 2
[[checks]]
name = "cron"
kind = "unit"
unit = "cron.service"
[[checks]]
name = "kernel"
kind = "log_file"
file = "/var/log/kern.log"
pattern = "Out of memory"
[[checks]]
name = "tls"
kind = "certificate"
file = "/etc/ssl/certs/host.pem"
attempts = 1
"""


def settings(folder: Path, text: str, **environment: str) -> Settings:
    file = folder / "agent.toml"
    file.write_text(text)
    return load_settings({"HEALTHMON_AGENT_FILE": str(file), **environment})


def problems(folder: Path, text: str, **environment: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        settings(folder, text, **environment)
    return [problem.removeprefix(f"{folder}/") for problem in caught.value.problems]


def test_one_of_each_kind_is_read(tmp_path: Path) -> None:
    checks = settings(tmp_path, ONE_OF_EACH).checks
    assert checks == (
        CommandCheck(
            name="disk /var",
            command=("/usr/lib/nagios/plugins/check_disk", "-w", "20%", "-c", "10%", "-p", "/var"),
            interval_seconds=300,
            user="nobody",
        ),
        TcpCheck(name="redis", host="127.0.0.1", port=6379, send="PING\r\n", expect="PONG"),
        HttpCheck(
            name="shop",
            url="https://shop.example.org/health",
            status=(200, 204),
            body="ready",
            certificate_warning_days=20,
        ),
        ProcessCheck(name="nginx", program="nginx", min_count=2),
        UnitCheck(name="cron", unit="cron.service"),
        LogFileCheck(name="kernel", file="/var/log/kern.log", pattern="Out of memory"),
        CertificateCheck(name="tls", file="/etc/ssl/certs/host.pem", attempts=1),
    )
    assert [check.kind for check in checks] == list(KINDS)


def test_defaults() -> None:
    check = TcpCheck(name="a", host="h", port=1)
    assert (check.interval_seconds, check.timeout_seconds) == (60.0, 10.0)
    assert (check.attempts, check.retry_interval_seconds) == (3, 15.0)
    assert LogFileCheck(name="a", file="f", pattern="p").attempts == 1
    assert Settings() == Settings(group="", labels={}, collectors_dir=None, checks=(), actions=())


def test_every_problem_is_told_at_once_with_its_place(tmp_path: Path) -> None:
    text = """
interval_seconds = 0
[[checks]]
name = "web"
kind = "tcp"
host = 5
timeout_seconds = -1
colour = "red"
[[checks]]
name = "web"
kind = "certificate"
file = "a.pem"
[[checks]]
name = "odd"
kind = "telnet"
[[checks]]
kind = "process"
min_count = 3
max_count = 2
[[checks]]
name = "both"
kind = "process"
program = "a"
min_count = 3
max_count = 2
"""
    told = problems(tmp_path, text)
    expected = [
        ("agent.toml: interval_seconds: ", ">= 1.0"),
        ("agent.toml: checks[0] (web).host: ", "`str`, got `int`"),
        ("agent.toml: checks[0] (web).timeout_seconds: ", "> 0"),
        ("agent.toml: checks[0] (web).colour: ", "Known are name, interval_seconds, timeout_seconds, attempts"),
        ("agent.toml: checks[0] (web).port: ", "must be set"),
        ("agent.toml: checks[1] (web).name: ", "another one has this name"),
        ("agent.toml: checks[2] (odd).kind: ", "command, tcp, http, process, unit, log_file, certificate"),
        ("agent.toml: checks[3].name: ", "must be set"),
        ("agent.toml: checks[4] (both).max_count: ", "at least min_count, which is 3"),
    ]
    assert len(told) == len(expected), told
    for problem, (place, words) in zip(told, expected, strict=True):
        assert problem.startswith(place), (problem, place)
        assert words in problem


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("checks = 5", "write a table [[checks]]"),
        ("checks = [1]", "write a table [[checks]]"),
        ("[[checks]]\nname = 'a'\nkind = 5", "checks[0] (a).kind: must be one of"),
        ("[[checks]]\nname = 'a'\nkind = 'command'\ncommand = []", "checks[0] (a).command"),
        ("[[checks]]\nname = 'a'\nkind = 'command'\ncommand = 'rm -rf /'", "checks[0] (a).command"),
        ('[[checks]]\nname = "a"\nkind = "command"\ncommand = ["/bin/x", "a\\u0000b"]', "checks[0] (a).command"),
        ("[[checks]]\nname = 'a\"b'\nkind = 'unit'\nunit = 'x'", "name"),
        ("[[checks]]\nname = 'a'\nkind = 'unit'\nunit = '--all'", "checks[0] (a).unit"),
        ("[[checks]]\nname = 'a'\nkind = 'log_file'\nfile = 'x'\npattern = '(a+)+'", "repetition"),
        ("[[actions]]\nname = 'a'", "actions[0] (a).command: must be set"),
        ("[[actions]]\nname = 'a'\nstates = ['bad']", "actions[0] (a).states"),
        (
            "[[actions]]\nname = 'a'\ncommand = ['/bin/true']\nchecks = ['*']\nstates = ['critical', 'unknown']",
            'actions[0] (a).states: an action never answers to "unknown"',
        ),
        ("[[actions]]\nname = 'a'\nenvironment = {'A=B' = 'x'}", "actions[0] (a).environment"),
        ("labels = {Site = 'x'}", "labels"),
        ("labels = {site = 1}", "labels"),
        ("group = 5", "group"),
    ],
)
def test_problems(tmp_path: Path, text: str, words: str) -> None:
    assert any(words in problem for problem in problems(tmp_path, text))


EXAMPLES = re.findall(r"```toml\n(.*?)```", (Path(__file__).parents[4] / "docs" / "checks.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_of_the_documentation_work(tmp_path: Path, example: str) -> None:
    found = settings(tmp_path, example)
    assert len(found.checks) == 1 or found.collectors_dir


def test_every_kind_has_an_example() -> None:
    kinds = {check["kind"] for example in EXAMPLES for check in tomllib.loads(example).get("checks", [])}
    assert kinds == set(KINDS)


def test_no_more_checks_than_one_agent_can_run(tmp_path: Path) -> None:
    one = "[[checks]]\nname = '{}'\nkind = 'unit'\nunit = 'x'\n"
    assert len(settings(tmp_path, "".join(one.format(number) for number in range(200))).checks) == 200
    (problem,) = problems(tmp_path, "".join(one.format(number) for number in range(201)))
    assert "201 tables, allowed are 200" in problem


def test_a_problem_never_quotes_a_value(tmp_path: Path) -> None:
    text = """
[[checks]]
name = "a"
kind = "http"
url = "ftp://user:hunter2@example.org"
[[checks]]
name = "b"
kind = "http"
url = "http://user:hunter2@example.org"
[[checks]]
name = "c"
kind = "hunter2"
"""
    told = problems(tmp_path, text)
    assert len(told) == 3
    assert "hunter2" not in "".join(told)


def test_checks_and_actions_show_by_name_alone(tmp_path: Path) -> None:
    text = """
[[checks]]
name = "redis"
kind = "tcp"
host = "h"
port = 1
send = "AUTH hunter2"
[[actions]]
name = "tell"
command = ["/bin/tell", "hunter2"]
checks = ["*"]
environment = {TOKEN = "hunter2"}
"""
    found = settings(tmp_path, text)
    assert "checks=['redis'], actions=['tell']" in repr(found)
    assert "hunter2" not in repr(found) + str(found)


@pytest.mark.parametrize("name", ["LABELS", "CHECKS", "ACTIONS"])
def test_tables_stand_in_the_file_alone(tmp_path: Path, name: str) -> None:
    (problem,) = problems(tmp_path, "", **{f"HEALTHMON_{name}": "x"})
    assert problem == f"environment: HEALTHMON_{name}: {name.lower()} can be set in the agent's file only."


def test_group_labels_and_collectors(tmp_path: Path) -> None:
    text = 'group = "web"\ncollectors_dir = "/etc/healthmon/collectors"\nlabels = {site = "north", rack = "7"}\n'
    found = settings(tmp_path, text, HEALTHMON_GROUP="database")
    assert (found.group, found.labels) == ("database", {"site": "north", "rack": "7"})
    assert found.collectors_dir == "/etc/healthmon/collectors"


def test_actions(tmp_path: Path) -> None:
    text = """
[[actions]]
name = "restart"
command = ["/bin/systemctl", "restart", "nginx"]
checks = ["nginx"]
[[actions]]
name = "tell"
command = ["/usr/local/bin/tell"]
checks = ["*"]
states = ["critical", "ok"]
environment = {CHANNEL = "ops"}
attempts = 2
cooldown_seconds = 60
timeout_seconds = 5
"""
    found = settings(tmp_path, text).actions
    everything: dict[str, Any] = {"attempts": 2, "cooldown_seconds": 60, "timeout_seconds": 5}
    assert found == (
        ActionSetting(name="restart", command=("/bin/systemctl", "restart", "nginx"), checks=("nginx",)),
        ActionSetting(
            name="tell",
            command=("/usr/local/bin/tell",),
            checks=("*",),
            states=("critical", "ok"),
            environment={"CHANNEL": "ops"},
            **everything,
        ),
    )
    first = found[0]
    assert (first.states, first.environment, first.attempts) == (("critical",), {}, 1)
    assert (first.cooldown_seconds, first.timeout_seconds) == (300.0, 30.0)
