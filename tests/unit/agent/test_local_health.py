"""Judged, kept, acted on: what holds these together."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from agent.action_settings import ActionSetting
from agent.black_box import BlackBox
from agent.checks.runner import FinishedCheck
from agent.checks.tcp import TcpCheck
from agent.host import Host
from agent.local_health import LocalHealth
from agent.local_state_file import STATE_FILE
from agent.settings import Settings
from agent.stamp import Stamp
from rabbitmq.records import Action, Record
from tests.unit.agent.local import NOW_MS, result, script
from tests.unit.agent.stamping import stamper
from tests.waiting import wait_for

NOW = NOW_MS / 1000


class Box(BlackBox):
    """One that remembers how closely it was told to look."""

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self.closely: list[bool] = []

    def watch_closely(self, closely: bool) -> None:
        self.closely.append(closely)


class Agent:
    """What an agent gives its local health: a folder, a spool, a black box, settings with one action."""

    def __init__(self, folder: Path, states: tuple[Literal["critical", "ok"], ...] = ("critical",)) -> None:
        self.folder = folder
        host = Host(folder, folder, folder, "container")
        command = script(folder, f'echo "$HEALTHMON_STATE" >> {folder}/ran')
        self.box = Box(host)
        self.records: list[Record] = []
        action = ActionSetting(name="cure", command=(command,), checks=("web",), states=states, cooldown_seconds=0)
        check = TcpCheck(name="web", host="h", port=1)
        self.health = LocalHealth(Settings(actions=(action,), checks=(check,)), folder, host, self.box, lambda: None)

    def keep(self, build: Callable[[Stamp], Record]) -> bool:
        self.records.append(build(stamper()(1, len(self.records) + 1)))
        return True

    def observe(self, *states: str) -> None:
        finished = [FinishedCheck(result(state), {}) for state in states]
        self.health.observe({}, {}, finished, now_seconds=NOW, interval_seconds=5.0)

    def actions(self) -> list[Action]:
        self.health.tell(self.keep, lambda: (1, len(self.records)))
        return [record for record in self.records if isinstance(record, Action)]

    def has_actions(self, count: int) -> Callable[[], bool]:
        return lambda: len(self.actions()) == count

    def runs(self) -> int:
        file = self.folder / "ran"
        return len(file.read_text().splitlines()) if file.exists() else 0


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Agent:
    monkeypatch.setattr("agent.evidence.top_processes", lambda _proc: [])
    return Agent(tmp_path)


def test_a_check_that_turns_critical_is_acted_on_once(agent: Agent, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "agent")
    agent.observe("ok", "critical", "critical")
    assert "check web: ok -> critical (confirmed), web: " in caplog.text
    (action,) = wait_for(agent.actions, "the action's record")
    assert (action.outcome, action.state, agent.runs()) == ("done", "critical", 1)
    agent.observe("critical")
    agent.health.stop()
    assert len(agent.actions()) == agent.runs() == 1


def test_each_trouble_is_acted_on_and_its_end_told(agent: Agent) -> None:
    agent = Agent(agent.folder, ("critical", "ok"))
    for number, state in enumerate(("critical", "ok", "critical", "ok"), start=1):
        agent.observe(state)
        wait_for(agent.has_actions(number), f"{number} records")
    agent.health.stop()
    assert (agent.folder / "ran").read_text().split() == ["critical", "ok", "critical", "ok"]


def test_the_next_start_goes_on_and_does_not_act_again(agent: Agent) -> None:
    agent.observe("critical")
    wait_for(agent.actions, "the action's record")
    agent.health.stop()
    again = Agent(agent.folder)
    again.health.go_on(again.keep, (1, 1))
    again.observe("critical")
    again.health.stop()
    assert ([row.state for row in again.health.rows(NOW)], again.actions(), again.runs()) == (["critical"], [], 1)


def test_what_cannot_be_kept_is_not_acted_on(agent: Agent, caplog: pytest.LogCaptureFixture) -> None:
    (agent.folder / STATE_FILE).mkdir()
    agent.observe("critical")
    (agent.folder / STATE_FILE).rmdir()
    agent.health.stop()
    assert (agent.actions(), agent.runs()) == ([], 0)
    assert "action cure is not run: the state of the checks cannot be kept" in caplog.text


def test_a_record_that_the_spool_refuses_is_told_at_the_next_start(agent: Agent) -> None:
    agent.observe("critical")
    wait_for(agent.runs, "the run")
    agent.health.stop()
    agent.health.tell(lambda _build: False, lambda: (1, 5))
    again = Agent(agent.folder)
    again.health.go_on(again.keep, (1, 5))
    again.health.stop()
    (action,) = again.actions()
    assert (action.outcome, again.runs()) == ("done", 1)


def test_the_black_box_looks_closely_from_the_first_sign_on(agent: Agent) -> None:
    agent.observe("ok")
    agent.observe()
    agent.observe("critical")
    agent.observe()
    agent.observe("ok")
    agent.observe()
    agent.health.stop()
    assert agent.box.closely == [False, False, True, True, False, False]
