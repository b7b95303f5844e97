"""What this host knows of its own checks and does about them by itself: judged, kept over restarts, acted on."""

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from agent.action_journal import Journal
from agent.black_box import BlackBox
from agent.check_rows import check_rows
from agent.checks.runner import FinishedCheck
from agent.evidence import Witness
from agent.host import Host
from agent.local_actions import LocalActions, Position, record_of
from agent.local_rules import RuleSet, load_rules
from agent.local_state import HardChange, LocalState
from agent.local_state_file import load_state, save_state
from agent.settings import Settings
from agent.stamp import Stamp
from agent.status import CheckRow
from rabbitmq.records import Readings, Record

SILENT_INTERVALS = 3

Keep = Callable[[Callable[[Stamp], Record]], bool]
"""Numbers a record and keeps it in the spool; False when the disk refuses."""

log = logging.getLogger("agent")


class LocalHealth:
    """Used by the agent's loop alone. `wake` is called from other threads when there is something to `tell`."""

    def __init__(self, settings: Settings, folder: Path, host: Host, box: BlackBox, wake: Callable[[], None]) -> None:
        now_seconds = time.time()
        kept, away_seconds = load_state(folder, now_seconds)
        self._folder = folder
        self._box = box
        self._state = LocalState(
            RuleSet(load_rules(), settings.group),
            kept,
            checks=[check.name for check in settings.checks],
            now_ms=round(now_seconds * 1000),
        )
        self._actions = LocalActions(settings.actions, Journal(folder), wake)
        self._witness = Witness(box, host, wake)
        self._observed_seconds = now_seconds - away_seconds
        self._disk_refuses = False

    def go_on(self, keep: Keep, position: Position) -> None:
        """Report what an earlier start left; call it before anything else is kept."""
        for entry, ended in list(self._actions.go_on(self._state, position, time.time())):
            if keep(record_of(entry, ended)):
                self._actions.reported(entry)

    def observe(
        self,
        readings: Readings,
        errors: dict[str, str],
        finished: Sequence[FinishedCheck],
        *,
        now_seconds: float,
        interval_seconds: float,
        switched_off: Sequence[str] = (),
    ) -> None:
        """One collection, with the active checks that ended since the one before. `now_seconds` is Unix time."""
        if now_seconds - self._observed_seconds > SILENT_INTERVALS * interval_seconds:
            self._state.after_silence()
        self._observed_seconds = now_seconds
        changes = list(self._state.observe(readings, errors, round(now_seconds * 1000), switched_off))
        changes.extend(filter(None, (self._state.observe_check(each.result) for each in finished)))
        self._box.watch_closely(self._state.is_troubled)
        if changes:
            self._respond(changes)
        elif self._state.has_moved:
            self._save(durable=False)

    def tell(self, keep: Keep, position: Callable[[], Position]) -> None:
        """Keep the records of what was done and seen meanwhile."""
        for made in self._witness.take():
            keep(made.record)
        for entry, ended in self._actions.take():
            noted = self._actions.ended(entry, ended, position())
            if keep(record_of(noted, ended)):
                self._actions.reported(noted)

    def rows(self, now_seconds: float) -> list[CheckRow]:
        return check_rows(self._state, round(now_seconds * 1000))

    def stop(self) -> None:
        """End what runs, and keep the state for the next start."""
        self._actions.stop()
        self._save(durable=True)

    def _respond(self, changes: Sequence[HardChange]) -> None:
        """First what went before, while it is fresh. Then the actions: they run once the state that asked for them is
        on disk, so that a restart does not see the same change again."""
        for change in changes:
            states = f"{change.before} -> {change.standing.state} ({change.reason})"
            log.info("check %s: %s, %s", change.check, states, change.sentence)
            self._witness.changed(change)
        due = [entry for change in changes for entry in self._actions.changed(change)]
        if self._save(durable=bool(due)):
            self._actions.run(due)
        else:
            self._actions.give_up(due)

    def _save(self, *, durable: bool) -> bool:
        try:
            save_state(self._folder, self._state.kept(), durable=durable)
        except OSError as error:
            if not self._disk_refuses:
                log.error("the state of the checks cannot be kept: %s", error)
            self._disk_refuses = True
            self._state.has_moved = True
            return False
        self._disk_refuses = False
        return True
