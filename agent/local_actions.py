"""Local actions from a hard change to their record: chosen, noted, run, noted, told by the ordinary road."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence

from agent.action_journal import Ended, Entry, Journal
from agent.action_runner import ActionRunner
from agent.action_settings import ActionSetting
from agent.actions import called_for, environment_of
from agent.local_state import HardChange, LocalState
from agent.stamp import Stamp
from health.state import State
from rabbitmq.records import Action, Record

STILL_WANTED_SECONDS = 300.0

Position = tuple[int, int]
"""How far the spool is: its epoch and the last number in it."""

log = logging.getLogger("agent.actions")


class LocalActions:
    """Used by the agent's loop alone. What the journal cannot keep is not run."""

    def __init__(self, settings: Sequence[ActionSetting], journal: Journal, wake: Callable[[], None]) -> None:
        self._settings = settings
        self._journal = journal
        self._runner = ActionRunner(journal, wake)

    def go_on(self, state: LocalState, position: Position, now_seconds: float) -> Iterator[tuple[Entry, Ended]]:
        """What an earlier start of the agent left, before anything else is kept in the spool; yields what to report.

        What was due and not begun is run now if its check still is in the state that asked for it, and forgotten as if
        never tried if that was not even kept; what was begun is not run again.
        """
        for entry in self._journal.entries:
            if entry.step == "ended" and entry.ended and entry.position:
                epoch, last_seq = entry.position
                if position[0] == epoch and position[1] > last_seq:
                    self.reported(entry)
                else:
                    yield entry, entry.ended
            elif entry.step == "started":
                yield entry, Ended(outcome="failed", output="the agent ended while it ran")
            elif not _is_still_wanted(entry, state):
                self._forget(entry, as_if_never_tried=True)
            elif abs(now_seconds - entry.tried.last_seconds) > STILL_WANTED_SECONDS:
                yield entry, Ended(outcome="failed", output="the agent ended before it ran; it is too late now")
            else:
                self._runner.run(entry)
        for tried in list(self._journal.tried.values()):
            if tried.attempts and state.state_of((tried.rule, tried.subject)) is State.OK:
                self._is_ok_again(tried.rule, tried.subject)

    def changed(self, change: HardChange) -> list[Entry]:
        """Note what is to be run; it runs with `run`, once the state that asked for it is kept."""
        to_run, refused = called_for(self._settings, change, self._journal.tried, time.time())
        if change.standing.state is State.OK:
            self._is_ok_again(*change.place)
        for refusal in refused:
            log.info("action %s is not run for %s: %s", refusal.action, change.check, refusal.reason)
        due: list[Entry] = []
        for setting, tried in to_run:
            entry = Entry(
                number=0,
                tried=tried,
                state=change.standing.state.value,  # type: ignore[arg-type]  # of these alone are actions
                since_ms=change.standing.since_ms,
                command=setting.command,
                environment=environment_of(setting, change, max(tried.attempts, 1)),
                timeout_seconds=setting.timeout_seconds,
            )
            if self._journal.is_full():
                log.error("action %s is not run for %s: too many others wait", setting.name, change.check)
                continue
            try:
                due.append(self._journal.due(entry))
            except OSError as error:
                log.error("action %s is not run, its journal cannot be written: %s", setting.name, error)
        return due

    def run(self, due: Sequence[Entry]) -> None:
        for entry in due:
            told = f"attempt {entry.tried.attempts}" if entry.tried.attempts else "to tell it the end"
            log.warning("action %s runs for %s, %s", entry.tried.action, entry.environment["HEALTHMON_CHECK"], told)
            self._runner.run(entry)

    def give_up(self, due: Sequence[Entry]) -> None:
        """The state that asked for these could not be kept: after a restart they would run again."""
        for entry in due:
            log.error("action %s is not run: the state of the checks cannot be kept", entry.tried.action)
            self._forget(entry, as_if_never_tried=True)

    def take(self) -> Iterator[tuple[Entry, Ended]]:
        """What ended: to be noted with `ended`, kept as `record_of`, and then `reported`."""
        for run in self._runner.take():
            log.warning("action %s: %s", run.entry.tried.action, run.ended.outcome)
            yield run

    def ended(self, entry: Entry, ended: Ended, position: Position) -> Entry:
        try:
            return self._journal.ended(entry, ended, position)
        except OSError as error:
            log.error("the journal of actions cannot be written: %s", error)
            return entry

    def reported(self, entry: Entry) -> None:
        self._forget(entry)

    def stop(self) -> None:
        self._runner.stop()

    def _forget(self, entry: Entry, *, as_if_never_tried: bool = False) -> None:
        try:
            self._journal.forget(entry, as_if_never_tried=as_if_never_tried)
        except OSError as error:
            log.error("the journal of actions cannot be written: %s", error)

    def _is_ok_again(self, rule: str, subject: str) -> None:
        try:
            self._journal.is_ok_again(rule, subject)
        except OSError as error:
            log.error("the journal of actions cannot be written: %s", error)


def record_of(entry: Entry, ended: Ended) -> Callable[[Stamp], Record]:
    return lambda stamp: Action(
        **stamp,
        name=entry.tried.action,
        rule=entry.tried.rule,
        subject=entry.tried.subject,
        state=entry.state,
        attempt=max(entry.tried.attempts, 1),
        outcome=ended.outcome,
        exit_code=ended.exit_code,
        output=ended.output,
        duration_seconds=ended.duration_seconds,
    )


def _is_still_wanted(entry: Entry, state: LocalState) -> bool:
    standing = state.standings.get((entry.tried.rule, entry.tried.subject))
    return standing is not None and (standing.state.value, standing.since_ms) == (entry.state, entry.since_ms)
