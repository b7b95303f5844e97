"""The course of a replay: what is kept, in the order of its times, and between it the turns of what goes by the clock.

snapshots, hellos, goodbyes -> by time -> every turn due before -> the fleet at that time -> each rehearsal
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from heapq import merge
from math import inf

from processor.periodic_rules import PERIOD_SECONDS
from processor.rehearsal import Rehearsal, interval_ms_of
from processor.replayed_fleet import ReplayedFleet
from store.model import KeptSnapshot
from store.replays import Announcement

TURN_MS = round(PERIOD_SECONDS * 1000)
CLOCK_IS_ASKED_EVERY = 200  # snapshots

Event = KeptSnapshot | Announcement


@dataclass(frozen=True, slots=True)
class Limit:
    """How many snapshots are run over at most, and for how many seconds of `clock`, which only goes forward."""

    snapshots: int
    seconds: float
    clock: Callable[[], float]


class Course:
    """`began_ms` (None before the first snapshot) to `reached_ms` is what was run over.

    `ended` is what ended it early, empty when nothing did.
    """

    def __init__(self, fleet: ReplayedFleet, rehearsals: Sequence[Rehearsal], since_ms: int, limit: Limit) -> None:
        self._fleet, self._rehearsals, self._since_ms, self._limit = fleet, rehearsals, since_ms, limit
        self._ends_at = limit.clock() + limit.seconds
        self._next_turn_ms = inf
        self.began_ms: int | None = None
        self.reached_ms = since_ms
        self.snapshots = 0
        self.heard: set[str] = set()
        self.ended = ""

    def run(
        self,
        snapshots: Iterable[KeptSnapshot],
        announcements: Iterable[Announcement],
        until_ms: int,
        *,
        has_turns: bool,
    ) -> None:
        """Both come in the order of their times. A turn sees what was before it, and nothing of its own moment.

        Turns begin with the first snapshot, as with a processor that takes over then. Raises StoreUnavailable.
        """
        sources: tuple[Iterable[Event], Iterable[Event]] = announcements, snapshots
        for event in merge(*sources, key=_wall_ms):
            self._take_turns(event.wall_ms)
            if isinstance(event, Announcement):
                if self._is_late():  # before the first snapshot nothing else asks, and reading them can take long
                    break
                self._fleet.hear(event)
                continue
            if self._is_over():
                break
            if self.began_ms is None:
                self.began_ms = event.wall_ms
                self._next_turn_ms = self._first_turn_ms(event.wall_ms) if has_turns else inf
            self._take(event)
        self._take_turns(until_ms)
        if not self.ended:
            self.reached_ms = until_ms

    def _take(self, snapshot: KeptSnapshot) -> None:
        self._fleet.take(snapshot, interval_ms_of(snapshot))
        group = self._fleet.group(snapshot.agent_id)
        for rehearsal in self._rehearsals:
            rehearsal.take(snapshot, group)
        self.heard.add(snapshot.agent_id)
        self.reached_ms = snapshot.wall_ms
        self.snapshots += 1

    def _take_turns(self, until_ms: int) -> None:
        while self._next_turn_ms <= until_ms and not self._is_late():
            now_ms = int(self._next_turn_ms)
            for rehearsal in self._rehearsals:
                rehearsal.take_turn(now_ms)
            self.reached_ms, self._next_turn_ms = now_ms, now_ms + TURN_MS

    def _first_turn_ms(self, began_ms: int) -> int:
        return began_ms + TURN_MS - (began_ms - self._since_ms) % TURN_MS

    def _is_over(self) -> bool:
        if self.snapshots == self._limit.snapshots:
            self.ended = f"{self._limit.snapshots:,} snapshots were read"
        elif self.snapshots % CLOCK_IS_ASKED_EVERY == 0:
            self._is_late()
        return bool(self.ended)

    def _is_late(self) -> bool:
        if not self.ended and self._limit.clock() >= self._ends_at:
            self.ended = f"{self._limit.seconds:g} s were over"
        return bool(self.ended)


def _wall_ms(event: Event) -> int:
    return event.wall_ms
