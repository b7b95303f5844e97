"""What a restart makes of what an earlier start left in the journal."""

from pathlib import Path

import pytest

from agent.action_journal import Entry, Journal
from agent.local_actions import STILL_WANTED_SECONDS, LocalActions, record_of
from agent.local_state import LocalState
from rabbitmq.records import Action
from tests.unit.agent.local import NOW_MS, local_state, observe
from tests.unit.agent.stamping import stamper
from tests.unit.agent.test_action_journal import DONE, entry

NOW = 1.0
POSITION = (7, 12)


class Restarted:
    """Local actions over a journal, and what they put in their runner's queue."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.journal = Journal(folder)
        self.run: list[Entry] = []
        monkeypatch.setattr("agent.action_runner.ActionRunner.run", lambda _runner, entry: self.run.append(entry))
        self.actions = LocalActions([], self.journal, lambda: None)

    def reported(self, state: LocalState, position: tuple[int, int] = POSITION, now: float = NOW) -> list[str]:
        """Outcome and output of what is to be reported."""
        return [f"{ended.outcome}: {ended.output}" for _, ended in self.actions.go_on(state, position, now)]


@pytest.fixture
def restarted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Restarted:
    return Restarted(tmp_path, monkeypatch)


def critical() -> LocalState:
    """One whose disk is critical since the entry's time."""
    state = local_state()
    observe(state, 97, 97, 97, start_seconds=-10)
    return state


def test_what_was_begun_is_not_run_again(restarted: Restarted) -> None:
    restarted.journal.started(restarted.journal.due(entry()))
    assert restarted.reported(critical()) == ["failed: the agent ended while it ran"]
    assert restarted.run == []


def test_what_was_due_is_run_if_the_check_still_asks_for_it(restarted: Restarted) -> None:
    due = restarted.journal.due(entry())
    assert restarted.reported(critical()) == []
    assert restarted.run == [due]


def test_what_was_due_for_a_state_that_was_not_kept_comes_again_by_itself(restarted: Restarted) -> None:
    restarted.journal.due(entry())
    assert restarted.reported(local_state()) == []
    assert (restarted.run, restarted.journal.entries, restarted.journal.tried) == ([], (), {})


def test_what_was_due_long_ago_is_not_run(restarted: Restarted) -> None:
    restarted.journal.due(entry())
    (told,) = restarted.reported(critical(), now=NOW + STILL_WANTED_SECONDS + 1)
    assert told.startswith("failed: the agent ended before it ran")
    assert restarted.run == []


@pytest.mark.parametrize(
    ("position", "told"), [((7, 12), ["done: freed"]), ((9, 99), ["done: freed"]), ((7, 13), [])], ids=str
)
def test_what_ended_is_reported_once(restarted: Restarted, position: tuple[int, int], told: list[str]) -> None:
    restarted.journal.ended(restarted.journal.due(entry()), DONE, (7, 12))
    assert restarted.reported(critical(), position) == told
    assert bool(restarted.journal.entries) is bool(told)


def test_attempts_begin_anew_when_the_check_is_ok(restarted: Restarted) -> None:
    restarted.journal.forget(restarted.journal.due(entry()))
    restarted.reported(critical())
    assert [tried.attempts for tried in restarted.journal.tried.values()] == [1]
    restarted.reported(local_state())
    assert [tried.attempts for tried in restarted.journal.tried.values()] == [0]


def test_the_record() -> None:
    record = record_of(entry(), DONE)(stamper()(1, 1))
    assert isinstance(record, Action)
    assert (record.name, record.rule, record.subject) == ("clean", "disk-usage", 'mount="/"')
    assert (record.state, record.attempt, record.outcome, record.exit_code, record.output) == (
        "critical",
        1,
        "done",
        0,
        "freed",
    )
    assert entry().since_ms == NOW_MS
