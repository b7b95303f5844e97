"""Whether fresh data can be there at all: a host is blamed for its silence only where nothing else explains it.

The broker hands out messages in the order in which it took them. When a canary is stored, so is all that was sent
before it; of what was sent later nobody knows yet.
"""

from dataclasses import dataclass

from sqlalchemy import Connection

from console.quantities import span
from helpdesk_api.desk import Desk
from helpdesk_api.readiness import broker_link, flow_link
from store import flow
from store.model import Agent


@dataclass(frozen=True, slots=True)
class Freshness:
    """`proven_ms` is when the newest stored canary was sent, None before the first one. `cause` is why nothing fresh
    comes in of any host, None while it does."""

    proven_ms: int | None
    cause: str | None

    def excuse(self, agent: Agent, now_ms: int) -> str | None:
        """Why there are no fresh data of the host though it may have sent them; None when there are, or when the host
        itself is silent."""
        if agent.goodbye_ms is not None or self._was_silent(agent):
            return None
        fresh = agent.is_fresh(now_ms)
        if self.cause is not None and not (fresh and self.proven_ms is None):
            return f"No fresh data. {self.cause}"
        if fresh or now_ms < agent.data_ms:
            return None
        told = f"No data for {span((now_ms - agent.data_ms) / 1000)}."
        return f"{told} Whether the host or the way to the database is the cause shows within seconds."

    def _was_silent(self, agent: Agent) -> bool:
        """Whether the host was silent already when the newest stored canary was sent."""
        if self.proven_ms is None or self.proven_ms <= agent.data_ms:
            return False
        return not agent.is_fresh(self.proven_ms)


def freshness(desk: Desk, connection: Connection) -> Freshness:
    last = flow.last_flow(connection)
    link, broker = flow_link(last, desk.sender.queue, desk.now_ms()), broker_link(desk)
    proven_ms = last.sent_ms if last else None
    if link.ok:
        return Freshness(proven_ms, None)
    return Freshness(proven_ms, link.reason if broker.ok else broker.reason)
