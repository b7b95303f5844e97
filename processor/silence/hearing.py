"""When each agent was heard last, by the monotonic clock. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from processor.silence.facts import patience_ms
from processor.silence.sentences import Clocks
from store.model import Agent

NEVER_MS = 2**63


@dataclass(slots=True)
class _Heard:
    """`seen_ms` is the wall clock's time in the agent's row, which only shows that something new was heard."""

    seen_ms: int
    at_ms: int
    due_ms: int


class Hearing:
    """The wall clock counts only for what was heard before this process began, and there nothing is judged by it."""

    def __init__(self) -> None:
        self._heard: dict[str, _Heard] = {}

    def hear(self, agents: Iterable[Agent], clocks: Clocks) -> None:
        """Rows as they were just kept or read; `clocks` show the moment when they were decided.

        A row's age is a difference within one moment, so it holds whatever the wall clock does later.
        """
        for agent in agents:
            known = self._heard.get(agent.agent_id)
            if known is None or known.seen_ms != agent.last_seen_ms:
                at_ms = clocks.monotonic_ms - max(clocks.wall_ms - agent.last_seen_ms, 0)
                at_ms = at_ms if known is None else max(at_ms, known.at_ms)
                known = self._heard[agent.agent_id] = _Heard(agent.last_seen_ms, at_ms, 0)
            has_stopped = agent.goodbye_ms is not None
            known.due_ms = NEVER_MS if has_stopped else known.at_ms + patience_ms(agent.interval_ms)

    def at_ms(self, agent_id: str) -> int:
        return self._heard[agent_id].at_ms

    def overdue(self, now_ms: int) -> list[str]:
        """The agents that should have been heard by now."""
        return [agent_id for agent_id, heard in self._heard.items() if heard.due_ms <= now_ms]
