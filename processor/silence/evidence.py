"""What is known of each agent at this moment: when it was heard, its connection, whether its address answers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from processor.silence.broker_events import ConnectionEvent
from processor.silence.connections import Connections
from processor.silence.facts import Facts, Flow, Reach
from processor.silence.hearing import Hearing
from processor.silence.road import WayOut
from processor.silence.sentences import Clocks
from processor.silence.verdict import ALERTING, Verdict, verdict
from store.model import Agent

TO_BE_PROBED = ALERTING | {Verdict.MAY_RECONNECT, Verdict.UNPROVEN}

Fleet = Mapping[str, Agent]


class Probing(Protocol):
    """See `processor.silence.reachability.Probes`."""

    def reach(self, address: str) -> Reach: ...

    def forget(self, address: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Senses:
    """Where facts come from: the way into the exchange, the broker's events, probes; `prove_flow` sends a canary."""

    way_out: Callable[[], WayOut]
    prove_flow: Callable[[], None]
    events: Callable[[], Sequence[ConnectionEvent | None]]
    probes: Probing


class Evidence:
    """Kept up to date by rows and events; `judge` gives the verdict on one agent with the facts it rests on."""

    def __init__(self, senses: Senses) -> None:
        self._senses = senses
        self._connections = Connections()
        self._hearing = Hearing()
        self._suspects: set[str] = set()

    def know(self, agents: Iterable[Agent], clocks: Clocks) -> None:
        """Rows as the processor finds them when it takes over."""
        rows = list(agents)
        self._hearing.hear(rows, clocks)
        self._connections.know(rows)

    def hear(self, agents: Iterable[Agent], clocks: Clocks) -> None:
        """Rows that were just kept; `clocks` show the moment when they were decided."""
        for agent in agents:
            if agent.peer_host == self._connections.peer_host(agent.agent_id):
                self._connections.moved.discard(agent.agent_id)
            self._hearing.hear([agent], clocks)

    def take_events(self, fleet: Fleet) -> None:
        for event in self._senses.events():
            if event is None:
                self._connections.forget()
                continue
            agent_id = event.agent_id or _only_one_named(event.agent_name, fleet)
            if agent_id:
                self._connections.take(event, agent_id)

    def moved(self, fleet: Fleet) -> list[Agent]:
        """The rows of agents that came from another address than their row says."""
        return [
            replace(fleet[agent_id], peer_host=self._connections.peer_host(agent_id))
            for agent_id in self._connections.moved & fleet.keys()
        ]

    def questionable(self, now_ms: int) -> set[str]:
        """The agents on which a verdict may be due; all others are heard."""
        return {*self._hearing.overdue(now_ms), *self._connections.closed_ms}

    def judge(self, agent_id: str, fleet: Fleet, flow: Flow, now_ms: int) -> tuple[Verdict, Facts]:
        agent = fleet[agent_id]
        facts = Facts(
            interval_ms=agent.interval_ms,
            heard_ms=self._hearing.at_ms(agent_id),
            said_goodbye=agent.goodbye_ms is not None,
            link=self._connections.link(agent_id),
            closed_ms=self._connections.closed_ms.get(agent_id),
            flow=flow,
        )
        found = verdict(facts, now_ms)
        if found not in TO_BE_PROBED:
            self._suspects.discard(agent_id)
            return found, facts
        facts = replace(facts, reach=self._reach(agent_id, fleet))
        if found is Verdict.UNPROVEN:
            self._senses.prove_flow()
        return verdict(facts, now_ms), facts

    def _reach(self, agent_id: str, fleet: Fleet) -> Reach:
        address = self._connections.peer_host(agent_id)
        unaskable = self._connections.unaskable(agent_id, fleet)
        if address is None or unaskable is not None:
            return unaskable or Reach.UNKNOWN
        if agent_id not in self._suspects:
            self._suspects.add(agent_id)
            self._senses.probes.forget(address)
        return self._senses.probes.reach(address)


def _only_one_named(name: str, fleet: Fleet) -> str:
    """The id of the agent on the host of this name; empty when none is known, or several are."""
    named = [agent_id for agent_id, agent in fleet.items() if agent.name == name]
    return named[0] if len(named) == 1 else ""
