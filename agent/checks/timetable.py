"""When each check runs. Pure: the time is told.

A check waits until it is due and one of the few places is free; it runs; then it waits for the next point of its
interval's grid, or less long while its state is soft. One that takes too long hangs: it is unknown from then on, at
each due time anew, is run no second time before that call returns, and others have its place.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.check_settings import CheckSetting
from agent.schedule import next_due
from health.machine import Standing, step
from health.state import State

MOST_AT_ONCE = 4
GRACE_SECONDS = 2.0  # on top of a check's own time: most find out themselves, and say more
SPREAD_SECONDS = 2.0
SPREAD_SHARE = 8


@dataclass(slots=True)
class _Entry:
    check: CheckSetting
    due_seconds: float
    standing: Standing
    observed: State = State.OK
    started_seconds: float | None = None
    hangs: bool = False

    @property
    def holds_a_place(self) -> bool:
        return self.started_seconds is not None and not self.hangs

    @property
    def acts_at_seconds(self) -> float:
        """When something has to be done about it."""
        if self.started_seconds is None or self.hangs:
            return self.due_seconds
        return self.started_seconds + self.check.timeout_seconds + GRACE_SECONDS

    def observe(self, state: State, now_seconds: float) -> bool:
        """Note what was observed and when it is due again. Whether it is another state than before."""
        at_ms = int(now_seconds * 1000)
        self.standing, _ = step(self.standing, state, 0.0, at_ms, self.check.patience)
        if self.standing.pending is None:
            self.due_seconds = next_due(self.due_seconds, self.check.interval_seconds, now_seconds)
        else:
            soon_seconds = min(self.check.retry_interval_seconds, self.check.interval_seconds)
            self.due_seconds = now_seconds + soon_seconds
        has_changed, self.observed = state is not self.observed, state
        return has_changed


class Timetable:
    """The checks of one runner; first runs are spread over each check's first interval."""

    def __init__(self, checks: Sequence[CheckSetting], now_seconds: float) -> None:
        start = Standing(state=State.OK, since_ms=int(now_seconds * 1000), value=0.0)
        self._entries = {
            check.name: _Entry(check, now_seconds + place * _gap_seconds(check, len(checks)), start)
            for place, check in enumerate(checks)
        }

    def start_due(self, now_seconds: float) -> list[CheckSetting]:
        """Those to start now, which count as running from here on; what waited longest comes first."""
        entries = self._entries.values()
        free = MOST_AT_ONCE - sum(entry.holds_a_place for entry in entries)
        waiting = [entry for entry in entries if entry.started_seconds is None and entry.due_seconds <= now_seconds]
        chosen = sorted(waiting, key=lambda entry: entry.due_seconds)[: max(0, free)]
        for entry in chosen:
            entry.started_seconds = now_seconds
        return [entry.check for entry in chosen]

    def late(self, now_seconds: float) -> list[CheckSetting]:
        """Those that took too long, or hang still when they are due; each is to be observed as unknown."""
        late = [
            entry
            for entry in self._entries.values()
            if entry.started_seconds is not None and entry.acts_at_seconds <= now_seconds
        ]
        for entry in late:
            entry.hangs = True
        return [entry.check for entry in late]

    def observe(self, name: str, state: State, now_seconds: float) -> bool:
        """One observation of a check. Whether its state is another one than before."""
        return self._entries[name].observe(state, now_seconds)

    def end(self, name: str) -> bool:
        """The run of a check ended. Whether it still counts: one that hung has been judged already."""
        entry = self._entries[name]
        counts = not entry.hangs
        entry.started_seconds, entry.hangs = None, False
        return counts

    def run_now(self, now_seconds: float) -> None:
        """Make due what does not run."""
        for entry in self._entries.values():
            if entry.started_seconds is None:
                entry.due_seconds = min(entry.due_seconds, now_seconds)

    def next_seconds(self, now_seconds: float) -> float:
        """When to look again at the latest. While all places are taken, what is due waits for an end."""
        entries = self._entries.values()
        is_full = sum(entry.holds_a_place for entry in entries) >= MOST_AT_ONCE
        counted = [entry for entry in entries if not is_full or entry.started_seconds is not None]
        return max(now_seconds, min(entry.acts_at_seconds for entry in counted))


def _gap_seconds(check: CheckSetting, count: int) -> float:
    return min(SPREAD_SECONDS, check.interval_seconds / SPREAD_SHARE, check.interval_seconds / count)
