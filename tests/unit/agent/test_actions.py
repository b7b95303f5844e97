"""Which actions a change calls for, and what they are told."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec import structs

from agent.action_settings import ActionSetting
from agent.actions import Refused, Tried, TriedBy, called_for, environment_of, problems_of
from agent.local_state import HardChange
from health.state import State
from tests.unit.agent.local import DISK_PLACE, change

NOW = 1_800_000_000.0
CLEAN = ActionSetting(
    name="clean", command=("/bin/true", "-x"), checks=("disk-usage",), attempts=2, cooldown_seconds=60
)


def tried(attempts: int, seconds_ago: float) -> TriedBy:
    one = Tried(
        action="clean", rule=DISK_PLACE[0], subject=DISK_PLACE[1], attempts=attempts, last_seconds=NOW - seconds_ago
    )
    return {one.key: one}


def attempts(action: ActionSetting, change: HardChange, before: TriedBy | None = None) -> Sequence[int]:
    to_run, _ = called_for([action], change, before or {}, NOW)
    return [tried.attempts for _, tried in to_run]


def reason(action: ActionSetting, change: HardChange, before: TriedBy | None = None) -> str:
    _, (refused,) = called_for([action], change, before or {}, NOW)
    assert isinstance(refused, Refused)
    return refused.reason


def test_the_first_change_is_attempt_one() -> None:
    assert attempts(CLEAN, change()) == [1]


@pytest.mark.parametrize(
    ("checks", "states", "runs"),
    [
        (("*",), ("critical",), True),
        (("other", "disk-usage"), ("warning", "critical"), True),
        (("other",), ("critical",), False),
        (("*",), ("warning",), False),
    ],
)
def test_only_the_checks_and_states_it_names(checks: tuple[str, ...], states: tuple[str, ...], runs: bool) -> None:
    action = ActionSetting(name="clean", command=("/bin/true",), checks=checks, states=states)  # type: ignore[arg-type]
    assert bool(attempts(action, change())) is runs


def test_an_unknown_state_is_never_acted_on() -> None:
    action = ActionSetting(name="clean", command=("/bin/true",), checks=("*",), states=("unknown", "critical"))
    assert called_for([action], change(State.UNKNOWN), {}, NOW) == ([], [])


def test_what_flaps_is_left_alone() -> None:
    assert reason(CLEAN, change(flapping=True)) == "the check changes too often"


def test_it_ends_after_its_attempts() -> None:
    assert attempts(CLEAN, change(), tried(1, 61)) == [2]
    assert reason(CLEAN, change(), tried(2, 61)) == "it was run 2 times since the check was ok last"


def test_it_cools_down_also_when_the_check_was_ok_meanwhile() -> None:
    assert reason(CLEAN, change(), tried(0, 59)) == "it cools down for 1 s more"
    assert attempts(CLEAN, change(), tried(0, 60)) == [1]


def test_the_end_is_told_at_once_and_is_no_attempt() -> None:
    both = ActionSetting(name="clean", command=("/bin/true",), checks=("*",), states=("critical", "ok"))
    over = change(State.OK, State.CRITICAL)
    assert attempts(both, over, tried(1, 5)) == [0]
    assert reason(both, over, tried(0, 5)) == "it cools down for 295 s more"
    assert attempts(CLEAN, over, tried(1, 5)) == []


def test_a_clock_that_was_set_back_does_not_stop_it_for_ever() -> None:
    assert attempts(CLEAN, change(), tried(1, -3600)) == [2]


def test_the_command_is_told_all_of_the_change() -> None:
    action = ActionSetting(name="clean", command=("/bin/true",), checks=("*",), environment={"MODE": "hard"})
    assert environment_of(action, change(sentence="disk\0 full"), 2) == {
        "MODE": "hard",
        "HEALTHMON_STATE": "critical",
        "HEALTHMON_PREVIOUS_STATE": "ok",
        "HEALTHMON_CHECK": "disk-usage",
        "HEALTHMON_SUBJECT": 'mount="/"',
        "HEALTHMON_VALUE": "97.25",
        "HEALTHMON_ATTEMPT": "2",
        "HEALTHMON_SENTENCE": "disk full",
    }
    assert environment_of(action, change(value=None), 1)["HEALTHMON_VALUE"] == ""


@pytest.mark.parametrize(("name", "words"), [("missing", "cannot be read: No such file"), (".", "no file that can be")])
def test_what_cannot_run_is_told_at_start(tmp_path: Path, name: str, words: str) -> None:
    action = ActionSetting(name="clean", command=(str(tmp_path / name),), checks=("*",))
    (problem,) = problems_of([action, CLEAN], {"disk-usage"}, "/etc/healthmon/agent.toml")
    assert problem.startswith("/etc/healthmon/agent.toml: actions (clean).command: ")
    assert words in problem


def test_a_check_that_nobody_makes_is_told_at_start() -> None:
    action = structs.replace(CLEAN, checks=("web", "disk-usge", "*"))
    assert problems_of([action], {"web", "disk-usage"}, "agent.toml") == [
        "agent.toml: actions (clean).checks: no check is called 'disk-usge' here. There are: disk-usage, web."
    ]
