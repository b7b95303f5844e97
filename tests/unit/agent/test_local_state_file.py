"""The state of the checks over a restart: whole, or begun anew."""

import os
from pathlib import Path

import pytest

from agent.local_state_file import OLD_AFTER_SECONDS, STATE_FILE, load_state, save_state
from agent.status import STATUS_FILE
from tests.unit.agent.local import local_state, observe, result

NOW = 1_800_000_000.0


def saved(folder: Path) -> Path:
    state = local_state(checks=("web",))
    observe(state, 97, 97, 97)
    state.observe_check(result("critical"))
    save_state(folder, state.kept(), durable=True)
    (folder / STATUS_FILE).write_text("{}")
    for name in (STATE_FILE, STATUS_FILE):
        os.utime(folder / name, (NOW, NOW))
    return folder


def test_what_was_saved_is_loaded_with_the_time_since(tmp_path: Path) -> None:
    os.utime(saved(tmp_path) / STATE_FILE, (NOW - 1000, NOW - 1000))
    kept, away_seconds = load_state(tmp_path, NOW + 7)
    assert [(one.rule, one.standing.state) for one in kept] == [("disk-usage", "critical"), ("check", "critical")]
    assert away_seconds == 7.0


def test_an_agent_that_died_before_its_first_status_left_its_state(tmp_path: Path) -> None:
    (saved(tmp_path) / STATUS_FILE).unlink()
    kept, away_seconds = load_state(tmp_path, NOW + 7)
    assert (len(kept), away_seconds) == (2, 7.0)


def test_of_another_day_it_begins_anew(tmp_path: Path) -> None:
    assert load_state(saved(tmp_path), NOW + OLD_AFTER_SECONDS + 1) == ((), 0.0)


@pytest.mark.parametrize("behind_seconds", [3600.0, 900 * 86400.0])
def test_a_clock_that_went_back_is_no_reason_to_begin_anew(tmp_path: Path, behind_seconds: float) -> None:
    kept, away_seconds = load_state(saved(tmp_path), NOW - behind_seconds)
    assert (len(kept), away_seconds) == (2, 0.0)


@pytest.mark.parametrize("content", ["", "half", "[]", '{"schema":"agent-checks/9","checks":[]}', "[" * 9999])
def test_a_damaged_file_begins_anew(tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture) -> None:
    (saved(tmp_path) / STATE_FILE).write_text(content)
    os.utime(tmp_path / STATE_FILE, (NOW, NOW))
    assert load_state(tmp_path, NOW) == ((), 0.0)
    assert "is damaged, the checks begin anew" in caplog.text


def test_the_first_start_has_none(tmp_path: Path) -> None:
    assert load_state(tmp_path, NOW) == ((), 0.0)
