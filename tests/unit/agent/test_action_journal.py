"""The journal of actions: what a restart finds after each step."""

from pathlib import Path

import pytest

from agent.action_journal import JOURNAL_FILE, MOST_TRIED, Ended, Entry, Journal
from agent.actions import Tried
from tests.unit.agent.local import NOW_MS

DONE = Ended(outcome="done", exit_code=0, output="freed", duration_seconds=0.5)


def entry(number: int = 0, action: str = "clean", attempts: int = 1) -> Entry:
    return Entry(
        number=number,
        tried=Tried(action=action, rule="disk-usage", subject='mount="/"', attempts=attempts, last_seconds=1.0),
        state="critical",
        since_ms=NOW_MS,
        command=("/bin/true",),
        environment={},
        timeout_seconds=5.0,
    )


def test_each_step_is_found_again(tmp_path: Path) -> None:
    due = Journal(tmp_path).due(entry())
    assert Journal(tmp_path).entries == (due,)
    started = Journal(tmp_path).started(due)
    assert [one.step for one in Journal(tmp_path).entries] == ["started"]
    ended = Journal(tmp_path).ended(started, DONE, (7, 12))
    (found,) = Journal(tmp_path).entries
    assert (found, found.ended, found.position) == (ended, DONE, (7, 12))
    Journal(tmp_path).forget(found)
    assert Journal(tmp_path).entries == ()


def test_attempts_are_remembered_after_the_entry_is_gone(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.forget(journal.due(entry()))
    assert [tried.attempts for tried in Journal(tmp_path).tried.values()] == [1]
    journal.is_ok_again("disk-usage", 'mount="/"')
    assert [(tried.attempts, tried.last_seconds) for tried in Journal(tmp_path).tried.values()] == [(0, 1.0)]


def test_what_never_ran_was_never_tried(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.forget(journal.due(entry()), as_if_never_tried=True)
    assert Journal(tmp_path).tried == {}


def test_numbers_go_on(tmp_path: Path) -> None:
    first, second = Journal(tmp_path).due(entry()), Journal(tmp_path).due(entry())
    assert (first.number, second.number) == (1, 2)


def test_it_stays_small(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for number in range(MOST_TRIED + 5):
        journal.tried[(str(number), "", "")] = entry().tried
    journal.due(entry())
    assert len(journal.tried) == MOST_TRIED


@pytest.mark.parametrize("content", ["", "half", '{"schema":"agent-actions/1","entries":[{}]}', "[" * 9999])
def test_a_damaged_one_begins_anew(tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / JOURNAL_FILE).write_text(content)
    assert Journal(tmp_path).entries == ()
    assert "actions begin anew" in caplog.text


def test_a_disk_that_refuses_is_told_to_the_caller(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        Journal(tmp_path / "not-there").started(entry(1))


def test_what_could_not_be_noted_is_neither_due_nor_tried(tmp_path: Path) -> None:
    folder = tmp_path / "slot"
    folder.mkdir()
    journal = Journal(folder)
    journal.forget(journal.due(entry()))
    folder.rename(tmp_path / "away")
    with pytest.raises(OSError, match="No such file"):
        journal.due(entry(attempts=2))
    (tmp_path / "away").rename(folder)
    assert journal.entries == ()
    journal.due(entry(action="other"))
    found = Journal(folder)
    assert [one.tried.action for one in found.entries] == ["other"]
    assert [tried.attempts for tried in found.tried.values()] == [1, 1]
