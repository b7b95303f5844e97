"""Silence, judged each second: receipts, broker events, canaries and probes in, incidents out.

    rows as kept, broker events, probes --> evidence --> verdict --> agent_record --+
                                                            | family --> family_record --> steps --> one decision
    canaries, the way out ------------> road -----------------------> road_record --+

Nothing here waits. What is decided is remembered only once it is kept.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from processor.decision import Decision, Learnt
from processor.findings import GROUP_SILENT
from processor.judgement import RemedyFinder
from processor.memory import FleetMemory
from processor.silence.agent_record import AgentRecord, Told
from processor.silence.evidence import Evidence, Senses
from processor.silence.facts import patience_ms
from processor.silence.family import FamilyBook, circles_of, subject_of
from processor.silence.family_record import tell_families
from processor.silence.grace import Graces
from processor.silence.road import TOLD_AFTER_MS, Cause, Road, Way
from processor.silence.road_record import RoadRecord
from processor.silence.sentences import Clocks
from processor.silence.steps import Steps, silent_key, standing_check
from processor.withholding import hosts_explained
from store.model import HUB, Agent, Batch, CheckKey, Flow

AWAY_FROM_MS = 30_000  # without a stored canary; a processor that is started again is back within that
LONG_GONE_AFTER_MS = 3_600_000  # unjudged, while records were stored: an earlier version judged no silence
HUB_NAME = "the hub"
Kept = TypeVar("Kept")


@dataclass(frozen=True, slots=True)
class Judgement:
    """`decision` is to be kept; then `SilenceWatch.remember` takes all of it."""

    decision: Decision
    told: Mapping[str, Told]
    road_told: Cause | None

    @property
    def changes_something(self) -> bool:
        batch = self.decision.batch
        return bool(batch.incidents or batch.agents or batch.checks)


class SilenceWatch:
    """Belongs to the thread that keeps batches; `take_over` comes first."""

    def __init__(self, senses: Senses, find_remedies: RemedyFinder) -> None:
        self._senses = senses
        self._find_remedies = find_remedies
        self._evidence = Evidence(senses)
        self._road = Road()
        self._road_record = RoadRecord()
        self._families = FamilyBook()
        self._graces = Graces()
        self._apart: frozenset[str] = frozenset()  # fell silent with what stood in front of them: no family
        self._told: Mapping[str, Told] = {}
        self._absent_from_ms: int | None = None
        self._long_gone: Mapping[str, int] = {}  # when each was seen last
        self._has_begun = False

    @property
    def has_way_out(self) -> bool:
        """Whether this process reaches the broker and may publish."""
        return self._senses.way_out().way is Way.OPEN

    def is_cut_off(self, now_ms: int) -> bool:
        """Whether nothing that this process publishes was taken for so long that people hear of it."""
        out = self._senses.way_out()
        return out.way is not Way.OPEN and now_ms - out.since_ms >= TOLD_AFTER_MS

    def take_over(self, memory: FleetMemory, last_flow: Flow | None, clocks: Clocks) -> None:
        """This processor is the active one from now on; `last_flow` is the last canary that any of them stored."""
        self._evidence.know(memory.agents.values(), clocks)
        self._road.begin(clocks.monotonic_ms)
        self._graces = Graces()
        silent = [agent_id for agent_id in memory.agents if standing_check(memory, silent_key(agent_id))]
        self._apart |= {agent_id for agent_id in silent if _was_told_of_alone(agent_id, memory)}
        before = Told(None, None, clocks.monotonic_ms)
        self._told = {agent_id: self._told.get(agent_id, before) for agent_id in silent}
        if not self._has_begun and last_flow and clocks.wall_ms - last_flow.stored_ms > AWAY_FROM_MS:
            self._absent_from_ms = last_flow.stored_ms
        if not self._has_begun and last_flow:
            self._long_gone = _long_gone(memory, last_flow.stored_ms)
        self._has_begun = True

    def hear(self, agents: Iterable[Agent], clocks: Clocks) -> None:
        """Rows that were just kept; `clocks` show the moment when they were decided."""
        self._evidence.hear(agents, clocks)

    def judge(self, memory: FleetMemory, fence_epoch: int, clocks: Clocks) -> Judgement:
        """What silence changes at this moment, most of the time nothing."""
        fleet, now_ms = memory.agents, clocks.monotonic_ms
        self._evidence.take_events(fleet)
        self._road.look(self._senses.way_out(), memory.canary_monotonic_ms, now_ms)
        steps = Steps(fence_epoch, clocks, self._find_remedies)
        road_told = self._note_road(memory, steps)
        record, judged = AgentRecord(self._told, memory, steps), self._without_long_gone(fleet)
        for agent_id in (self._evidence.questionable(now_ms) | self._told.keys()) & judged.keys():
            record.take(agent_id, *self._evidence.judge(agent_id, fleet, self._road.flow, now_ms))
        explained = self._look_in_front(record, memory, steps)
        apart = self._apart = (self._apart | explained) & record.fallen.keys()
        families = self._families.as_told(_without(record.fallen, apart), _without(judged, apart), now_ms)
        record.tell(families, explained)
        tell_families(families, memory, steps)
        batch = Batch(
            agents=self._evidence.moved(fleet),
            checks=steps.checks,
            incidents=steps.incidents,
            received_ms=clocks.wall_ms,
        )
        names = {change.key.agent_id: _name(change.key.agent_id, fleet) for change in steps.incidents}
        decision = Decision(batch, Learnt(withheld=steps.withheld), names=names)
        return Judgement(decision, record.told, road_told)

    def remember(self, judgement: Judgement) -> None:
        """What people are told by a judgement that is kept, or that changes nothing."""
        self._told, self._road_record.told = judgement.told, judgement.road_told
        self._absent_from_ms = None

    def _look_in_front(self, record: AgentRecord, memory: FleetMemory, steps: Steps) -> frozenset[str]:
        """Whose silence needs no incident: something in front of the host explains it, or did a short while ago.

        What is overdue by now is noted in memory at once: it is true whatever is kept.
        """
        fleet, flow, now_ms = memory.agents, self._road.flow, steps.clocks.monotonic_ms
        unopened, waiting = record.unopened, memory.waiting & memory.agents.keys()
        self._graces.look(hosts_explained(memory, steps.checks, unopened) & fleet.keys(), waiting, now_ms)
        memory.overdue = frozenset(one for one in waiting if not self._graces.lasts(fleet[one], flow, now_ms))
        return frozenset(
            one for one in unopened if self._graces.covers_silence(fleet[one], record.heard_ms(one), flow, now_ms)
        )

    def _without_long_gone(self, fleet: Mapping[str, Agent]) -> Mapping[str, Agent]:
        """Of who was away for good before anybody judged silence nobody wants to hear now, until a record comes."""
        if not self._long_gone:
            return fleet
        self._long_gone = {
            agent_id: seen_ms
            for agent_id, seen_ms in self._long_gone.items()
            if fleet[agent_id].last_seen_ms == seen_ms
        }
        return {agent_id: agent for agent_id, agent in fleet.items() if agent_id not in self._long_gone}

    def _note_road(self, memory: FleetMemory, steps: Steps) -> Cause | None:
        if self._absent_from_ms is not None:
            return self._road_record.note_absence(self._absent_from_ms, memory, steps)
        return self._road_record.note(self._road.trouble, self._road.flow, memory, steps)


def _long_gone(memory: FleetMemory, stored_ms: int) -> Mapping[str, int]:
    """The agents that were silent long before the last canary was stored, and have no incident."""
    return {
        agent.agent_id: agent.last_seen_ms
        for agent in memory.agents.values()
        if agent.last_seen_ms + patience_ms(agent.interval_ms) + LONG_GONE_AFTER_MS < stored_ms
        and standing_check(memory, silent_key(agent.agent_id)) is None
    }


def _was_told_of_alone(agent_id: str, memory: FleetMemory) -> bool:
    """Whether the silent agent stands behind another and is of no family that people know of."""
    known = (CheckKey(HUB, GROUP_SILENT.rule, subject_of(circle)) for circle in circles_of(memory.agents[agent_id]))
    is_known = any(standing_check(memory, key) for key in known)
    return agent_id in memory.parents.behind.hosts and not is_known


def _without(agents: Mapping[str, Kept], left_out: Collection[str]) -> Mapping[str, Kept]:
    return {agent_id: one for agent_id, one in agents.items() if agent_id not in left_out} if left_out else agents


def _name(agent_id: str, fleet: Mapping[str, Agent]) -> str:
    return HUB_NAME if agent_id == HUB else fleet[agent_id].name
