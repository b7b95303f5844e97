"""Which agents are connected, from the broker's events, and where each came from. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from ipaddress import ip_address

from processor.silence.broker_events import ConnectionEvent
from processor.silence.facts import Link, Reach
from store.model import Agent


class Connections:
    """`moved` are the agents whose address has changed since somebody last took note of it."""

    def __init__(self) -> None:
        self._open: dict[str, set[str]] = {}
        self._closed_ms: dict[str, int] = {}
        self._peers: dict[str, str] = {}
        self._agents_at: dict[str, set[str]] = defaultdict(set)
        self.moved: set[str] = set()

    def know(self, agents: Iterable[Agent]) -> None:
        """Where agents came from when they connected last."""
        for agent in agents:
            if agent.peer_host is not None and agent.agent_id not in self._peers:
                self._peers[agent.agent_id] = agent.peer_host
                self._agents_at[agent.peer_host].add(agent.agent_id)

    def forget(self) -> None:
        """Events were missed: who is connected is not known any more."""
        self._open.clear()
        self._closed_ms.clear()

    def take(self, event: ConnectionEvent, agent_id: str) -> None:
        connections = self._open.setdefault(agent_id, set())
        if event.is_open:
            connections.add(event.connection)
            self._closed_ms.pop(agent_id, None)
        else:
            connections.discard(event.connection)
            if not connections:
                self._closed_ms[agent_id] = event.at_ms
        known = self._peers.get(agent_id)
        if event.peer_host is not None and event.peer_host != known:
            self._agents_at[known or ""].discard(agent_id)
            self._agents_at[event.peer_host].add(agent_id)
            self._peers[agent_id] = event.peer_host
            self.moved.add(agent_id)

    def link(self, agent_id: str) -> Link:
        if self._open.get(agent_id):
            return Link.OPEN
        return Link.CLOSED if agent_id in self._closed_ms else Link.UNKNOWN

    @property
    def closed_ms(self) -> Mapping[str, int]:
        """When the last connection of an agent closed, of those that have none."""
        return self._closed_ms

    def peer_host(self, agent_id: str) -> str | None:
        return self._peers.get(agent_id)

    def unaskable(self, agent_id: str, fleet: Mapping[str, Agent]) -> Reach | None:
        """Why the agent's address cannot be asked; None when it can."""
        address = self._peers.get(agent_id)
        if address is None:
            return Reach.UNKNOWN
        if ip_address(address).is_loopback:
            return Reach.LOCAL
        hosts = {fleet[other].name for other in self._agents_at[address] if other in fleet}
        return Reach.SHARED if len(hosts) > 1 else None
