"""Commands after the convention of monitoring plugins: exit code, text, long text and data."""

import os
from pathlib import Path

import pytest

from agent.check_settings import problems_of
from agent.checks.child import Ended
from agent.checks.command import CommandCheck, plugin_observation
from agent.checks.deadline import Deadline, TimeIsUp
from agent.checks.observation import Observation
from agent.performance_data import Measured
from health.state import State
from tests.unit.agent.local import script


def observe(script: str, seconds: float = 30.0) -> Observation:
    return CommandCheck(name="a", command=("/bin/sh", "-c", script)).probe()(Deadline(seconds))


@pytest.mark.parametrize(
    ("exit_code", "state"), [(0, State.OK), (1, State.WARNING), (2, State.CRITICAL), (3, State.UNKNOWN)]
)
def test_the_exit_code_is_the_state(exit_code: int, state: State) -> None:
    assert observe(f"echo words; exit {exit_code}") == Observation(state, "words")


@pytest.mark.parametrize(
    ("exit_code", "words"),
    [(4, "exit code 4"), (127, "exit code 127"), (-9, "killed by SIGKILL"), (-64, "killed by SIGRTMAX"), (-99, "99")],
)
def test_any_other_ending_is_unknown_and_says_so(exit_code: int, words: str) -> None:
    observation = plugin_observation(Ended(exit_code, "some output | a=1", ""))
    assert observation.state is State.UNKNOWN
    assert words in observation.output
    assert "some output" in observation.output


def test_text_and_data_may_have_several_lines() -> None:
    observation = observe("printf 'OK | a=1s\\nmore\\nand more | b=2\\nc=3%%\\n'")
    assert observation.output == "OK\nmore\nand more"
    assert observation.measured == (Measured("a", "s", 1.0), Measured("b", "", 2.0), Measured("c", "%", 3.0))


def test_without_output_the_error_output_speaks() -> None:
    assert observe("echo 'cannot load library' >&2; exit 3").output == "cannot load library"
    assert observe("exit 0").output == "(no output)"


def test_output_that_is_no_text_stops_nobody() -> None:
    assert observe("printf '\\377\\376\\000|\\377=1'").state is State.OK


def test_a_program_that_is_not_there_is_unknown() -> None:
    observation = CommandCheck(name="a", command=("/nowhere/check_x",)).probe()(Deadline(5))
    assert observation.state is State.UNKNOWN
    assert "/nowhere/check_x cannot be started" in observation.output


def test_the_time_limit_is_told_as_such() -> None:
    with pytest.raises(TimeIsUp):
        observe("sleep 300", 0.2)


def test_another_user_needs_an_agent_that_is_root(monkeypatch: pytest.MonkeyPatch) -> None:
    check = CommandCheck(name="a", command=("/bin/true",), user="nobody")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert check.problems_here() == []
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000)
    (problem,) = check.problems_here()
    assert problem[0] == "user"
    assert "root" in problem[1]
    assert check.problems() == [], "who only looks, like `healthmon-agent status`, need not be root"
    assert CommandCheck(name="a", command=("/bin/true",), user="nobody-at-all").problems_here()[0][0] == "user"


def test_a_program_is_a_whole_path() -> None:
    (problem,) = CommandCheck(name="a", command=("check_disk",)).problems()
    assert problem[0] == "command"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_an_agent_that_is_root_runs_no_program_that_others_can_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = script(tmp_path, "echo fine")
    check = CommandCheck(name="a", command=(file,))
    assert check.problems_here() == []
    tmp_path.chmod(0o777)
    (problem,) = problems_of([check], "agent.toml")
    assert problem == (
        f"agent.toml: checks (a).command: {tmp_path} can be written by others; "
        f"take that right away: chmod o-w {tmp_path}."
    )
    observation = check.probe()(Deadline(5))
    assert observation.state is State.UNKNOWN
    assert "not run: " in observation.output
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000)
    assert check.problems_here() == [], "any other agent has few rights to lend"
