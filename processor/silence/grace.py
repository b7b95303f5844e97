"""How long something in front still explains a host's trouble after it is well again. Pure.

    explained --what stands in front is well--> grace: the agent looks for its way back --> over: the trouble is its own

Guaranteed: of a host that is heard within its grace nobody is told anything. While records do not flow no grace ends.
"""

from collections.abc import Set as AbstractSet

from processor.silence.facts import Flow, patience_ms
from processor.silence.verdict import RETURNS_WITHIN_MS
from store.model import Agent


class Graces:
    """Every time is the processor's monotonic clock; `look` comes first."""

    def __init__(self) -> None:
        self._explained_ms: dict[str, int] = {}  # when it was so last

    def look(self, explained: AbstractSet[str], waiting: AbstractSet[str], now_ms: int) -> None:
        """The agents explained at this moment, and those with withheld checks: nobody knows until when one of these
        was explained that is seen here for the first time, so it is until now."""
        self._explained_ms |= dict.fromkeys(explained | (waiting - self._explained_ms.keys()), now_ms)

    def lasts(self, agent: Agent, flow: Flow, now_ms: int) -> bool:
        """Whether the agent's troubles are explained, or were a short while ago."""
        explained_ms = self._explained_ms.get(agent.agent_id)
        if explained_ms is None or flow.steady_since_ms is None:
            return explained_ms is not None
        since_ms = max(explained_ms, flow.steady_since_ms)
        return now_ms < since_ms + RETURNS_WITHIN_MS + patience_ms(agent.interval_ms)

    def covers_silence(self, agent: Agent, heard_ms: int, flow: Flow, now_ms: int) -> bool:
        """Whether it explains why the agent has been silent since then; who was heard after it is back."""
        return heard_ms <= self._explained_ms.get(agent.agent_id, heard_ms - 1) and self.lasts(agent, flow, now_ms)
