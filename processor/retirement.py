"""Hosts that people retired: nothing more is expected of them, and what was open is closed.

request in the store --once a second--> goodbye "retired", all incidents closed, the request gone: one transaction

Of a host with more incidents than are closed at once the request stays until none is left.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Engine

from health.state import State
from processor.decision import Decision, Learnt
from processor.judgement import RemedyFinder
from processor.memory import FleetMemory
from store import retirement
from store.engine import reading
from store.model import RETIRED, Agent, Batch, Change, Check, CheckKey, Incident, IncidentChange
from store.retirement import Place, Retirement

OpenOnes = Sequence[tuple[Incident, Place]]


@dataclass(frozen=True, slots=True)
class Retirements:
    """Takes up what people asked for."""

    engine: Engine

    def decide(self, memory: FleetMemory, _find_remedies: RemedyFinder, now_ms: int) -> Decision | None:
        """The retirement of one agent, to be kept; None when nobody asked for any. Raises StoreUnavailable."""
        with reading(self.engine) as connection:
            wish = next(iter(retirement.requested(connection)), None)
            if wish is None:
                return None
            return retire(wish, memory, retirement.open_of(connection, wish.agent_id), now_ms)


def retire(wish: Retirement, memory: FleetMemory, open_ones: OpenOnes, now_ms: int) -> Decision:
    """What the wish comes to. An agent that was heard since is not gone: then it is only dropped. Pure."""
    agent = memory.agent(wish.agent_id)
    if agent is None or (agent.goodbye_ms is None and agent.last_seen_ms > wish.requested_ms):
        return Decision(Batch(retired=[wish.agent_id], received_ms=now_ms), Learnt())
    gone = agent if agent.is_retired else replace(agent, goodbye_ms=now_ms, goodbye_reason=RETIRED)
    sentence = f"the host was retired by {wish.author}"
    is_all = len(open_ones) < retirement.MOST_CLOSED
    ending = None if is_all else {one.key for one, _ in open_ones}
    batch = Batch(
        agents=[gone],
        checks=_ended_checks(agent, memory, ending, now_ms),
        incidents=[_closed(one, place, sentence, now_ms) for one, place in open_ones],
        retired=[wish.agent_id] if is_all else [],
        received_ms=now_ms,
    )
    return Decision(batch, Learnt(), stopped=[] if agent.is_retired else [gone])


def _ended_checks(agent: Agent, memory: FleetMemory, which: Collection[CheckKey] | None, now_ms: int) -> list[Check]:
    """All (None), or those of incidents that close: a host that comes back meanwhile goes on with the others."""
    known = (*memory.checks(agent.agent_id).values(), *memory.findings(agent.agent_id).values())
    return [
        Check(key=check.key, state=State.OK, since_ms=now_ms, value=check.value)
        for check in known
        if which is None or check.key in which
    ]


def _closed(one: Incident, place: Place, sentence: str, now_ms: int) -> IncidentChange:
    """At the newest change there is: what the agent sends when it comes back stands behind that."""
    epoch, seq = place
    return IncidentChange(
        key=one.key,
        change=Change.CLOSED,
        severity=one.severity,
        at_ms=now_ms,
        received_ms=now_ms,
        epoch=epoch,
        seq=seq,
        metric=one.metric,
        value=one.value,
        limit=one.limit,
        title=one.title,
        sentence=sentence,
        is_late=one.is_late,
    )
