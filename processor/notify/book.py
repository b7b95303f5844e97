"""What the desk knows between its passes: incidents with what was told of them, so that a pass reads only what changed.

    read anew: incidents with a new entry in their timeline, of agents that the keeper named, with a changed notice
    decided anew: these, those whose time has come, those that are quiet for another reason than before

It is read whole when the processor takes over, whenever a pass failed, and when the newest entries are gone. Reads, and
never writes.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from configuration.notifications import NotificationSettings
from processor.notify.plan import Plan, View
from processor.notify.routes import Logs
from processor.notify.steady import Known, Now
from processor.notify.suppression import Quiet
from store import outbox
from store.dependencies import dependencies
from store.mutes import mutes_in_force
from store.outbox import Facts, WaitingMark
from store.response import Dependency, Mute, Notice

LONGEST_TRANSACTION_MS = 60_000  # an entry with a lower number may be committed so long after a higher one
LOOKED_BACK = 1_000  # entries: what may be under way when this process begins to read


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """What decisions rest on beside incidents and notices; `hours` says which routes are in their hours."""

    mutes: Sequence[Mute]
    dependencies: Sequence[Dependency]
    hours: Sequence[bool]


class Book:
    """Belongs to the desk's thread. `longest_retry_ms` tells how long a notice waits after so many failed tries."""

    def __init__(self, settings: NotificationSettings, longest_retry_ms: Callable[[int], int]) -> None:
        self._settings = settings
        self._longest_retry_ms = longest_retry_ms
        self._facts: dict[int, Facts] = {}
        self._logs: dict[int, Logs] = {}
        self._known: dict[int, Known] = {}  # by number of the notice
        self._look_again_ms: dict[int, int] = {}
        self._reasons: dict[int, str] = {}
        self._surroundings: _Surroundings | None = None
        self._waiting: Sequence[Notice] = ()
        self._waiting_mark: WaitingMark | None = None
        self._entries = _Entries()
        self._to_decide: set[int] = set()

    @property
    def incidents(self) -> Collection[Facts]:
        return self._facts.values()

    def log(self, number: int) -> Logs:
        return self._logs.get(number, {})

    def open(self, connection: Connection, now: Now) -> None:
        """Read everything: whoever was active meanwhile left things to be done."""
        self._facts, self._logs, self._look_again_ms, self._reasons = {}, {}, {}, {}
        self._surroundings = self._waiting_mark = None
        self._entries.begin(connection, now)
        self._take(connection, outbox.facts(connection, outbox.unsettled(connection)), now)
        self._to_decide = set(self._facts)
        logged = (notice for logs in self._logs.values() for its in logs.values() for notice in its)
        stays = {notice.notice_no for notice in (*logged, *self._waiting)}
        self._known = {notice_no: known for notice_no, known in self._known.items() if notice_no in stays}

    def look(self, connection: Connection, agent_ids: Collection[str], now: Now) -> View:
        """What is to be decided now; `agent_ids` are the agents that the keeper named since the last look."""
        if self._entries.are_gone(connection):
            self.open(connection, now)
        touched = self._entries.new(connection, now) | self._read_waiting(connection)
        touched |= {number for number, its in self._facts.items() if agent_ids and its.key.agent_id in agent_ids}
        touched = self._read(connection, touched, agent_ids, now) | self._to_decide
        self._to_decide = set()
        waiting = [self.steady(notice, now) for notice in self._waiting]
        numbers = sorted(self._find_to_decide(connection, touched, now) & self._facts.keys())
        return View(
            incidents=[self._facts[number] for number in numbers],
            logs={number: self.log(number) for number in numbers},
            waiting=waiting,
            quiet=self._reasons,
            behind={each.agent_id for each in self._surroundings.dependencies} if self._surroundings else (),
        )

    def read_again(self, connection: Connection, numbers: Iterable[int | None], now: Now) -> None:
        """Read what was just written of these; it is decided again at the next look."""
        written = {number for number in numbers if number is not None}
        self._to_decide |= self._read(connection, written, (), now)

    def remember(self, plan: Plan, view: View) -> None:
        """What came of a look: when to decide again, and which incidents are settled."""
        for incident in view.incidents:
            self._look_again_ms.pop(incident.number, None)
            if incident.closed_ms is not None and incident.number not in plan.unsettled:
                self._forget(incident.number)
        self._look_again_ms |= {number: at_ms for number, at_ms in plan.look_again_ms.items() if number in self._facts}

    def steady(self, kept: Notice, now: Now) -> Notice:
        """The notice in steady times: what was seen before stays what it was, whatever the wall clock did since."""
        known = self._known.get(kept.notice_no)
        if known is None or known[0] != kept:
            known = kept, now.as_steady(kept, self._longest_retry_ms(kept.attempts), known)
            self._known[kept.notice_no] = known
        return known[1]

    def _read_waiting(self, connection: Connection) -> set[int]:
        """The incidents of notices that wait and were not known to: somebody wants them to be tried again."""
        mark = outbox.waiting_mark(connection)
        if mark == self._waiting_mark:
            return set()
        before, self._waiting, self._waiting_mark = self._waiting, outbox.waiting(connection), mark
        self._let_go(notice for notice in before if notice.number is None)
        return {
            notice.number
            for notice in self._waiting
            if notice.number is not None and self._known.get(notice.notice_no, (None,))[0] != notice
        }

    def _read(self, connection: Connection, numbers: set[int], agent_ids: Collection[str], now: Now) -> set[int]:
        """The incidents with these numbers, and the open ones of these agents; returns the numbers of all."""
        read = outbox.facts_of(connection, numbers, agent_ids)
        found = {incident.number for incident in read}
        for gone in numbers - found:
            self._forget(gone)
        self._take(connection, read, now)
        return numbers | found

    def _take(self, connection: Connection, read: Sequence[Facts], now: Now) -> None:
        logs: dict[int, dict[str, list[Notice]]] = defaultdict(lambda: defaultdict(list))
        for notice in outbox.log_of(connection, [incident.number for incident in read]):
            if notice.number is not None:
                logs[notice.number][notice.channel].append(self.steady(notice, now))
        for incident in read:
            number, stays = incident.number, {each.notice_no for its in logs[incident.number].values() for each in its}
            self._let_go(each for its in self.log(number).values() for each in its if each.notice_no not in stays)
            self._facts[number], self._logs[number] = incident, logs[number]

    def _find_to_decide(self, connection: Connection, touched: set[int], now: Now) -> set[int]:
        routes = self._settings.routes
        hours = [route.time is None or route.time.contain(now.wall_ms) for route in routes]
        found = _Surroundings(mutes_in_force(connection, now.wall_ms), dependencies(connection), hours)
        due = {number for number, at_ms in self._look_again_ms.items() if at_ms <= now.steady_ms}
        before, self._surroundings = self._surroundings, found
        if before is not None and before == found and not touched:
            return due
        quiet = Quiet(self._facts.values(), found.mutes, found.dependencies)
        reasons = {number: quiet.reason(incident) for number, incident in self._facts.items()}
        other = {number for number, reason in reasons.items() if reason != self._reasons.get(number)}
        self._reasons = reasons
        if before is None or before.hours != hours:
            return set(self._facts)
        return touched | due | other

    def _forget(self, number: int) -> None:
        self._facts.pop(number, None)
        self._look_again_ms.pop(number, None)
        self._let_go(notice for its in self._logs.pop(number, {}).values() for notice in its)

    def _let_go(self, notices: Iterable[Notice]) -> None:
        for notice in notices:
            self._known.pop(notice.notice_no, None)


class _Entries:
    """Which incidents have new entries in their timelines, whatever the order in which these were committed."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._marks: list[tuple[int, int]] = []  # when so many entries were there

    def begin(self, connection: Connection, now: Now) -> None:
        newest = outbox.newest_entry(connection)
        self._marks = [(now.steady_ms - LONGEST_TRANSACTION_MS, newest - LOOKED_BACK)]
        self.new(connection, now)

    def are_gone(self, connection: Connection) -> bool:
        """Whether the newest ones were dropped: their numbers may have been given again, and would not be seen."""
        return outbox.newest_entry(connection) < self._marks[-1][1]

    def new(self, connection: Connection, now: Now) -> set[int]:
        settled_ms = now.steady_ms - LONGEST_TRANSACTION_MS
        while len(self._marks) > 1 and self._marks[1][0] <= settled_ms:
            del self._marks[0]
        found: Mapping[int, int] = outbox.entries_after(connection, self._marks[0][1])
        new = {number for entry, number in found.items() if entry not in self._seen}
        self._seen = set(found)
        newest = max(found, default=self._marks[-1][1])
        if newest > self._marks[-1][1]:
            self._marks.append((now.steady_ms, newest))
        return new
