"""What the processor remembers between batches: each agent as last seen, and its checks."""

from collections.abc import Iterable, Mapping

from store.model import Agent, Batch, Check, FleetState, State

Place = tuple[str, str]  # rule, subject


class FleetMemory:
    """Loaded when the processor takes over; changed only by batches that were committed.

    A check that is fine with nothing pending is as good as none, so things that come and go do not pile up.
    """

    def __init__(self, fleet: FleetState) -> None:
        self._agents: dict[str, Agent] = dict(fleet.agents)
        self._checks: dict[str, dict[Place, Check]] = {}
        self._keep(fleet.checks.values())

    def __len__(self) -> int:
        return len(self._agents)

    def agent(self, agent_id: str) -> Agent | None:
        return self._agents.get(agent_id)

    def checks(self, agent_id: str) -> Mapping[Place, Check]:
        return self._checks.get(agent_id, {})

    def apply(self, batch: Batch) -> None:
        """Take over what a committed batch changed."""
        self._agents.update((agent.agent_id, agent) for agent in batch.agents)
        self._keep(batch.checks)

    def _keep(self, checks: Iterable[Check]) -> None:
        for check in checks:
            place, known = (check.key.rule, check.key.subject), self._checks.setdefault(check.key.agent_id, {})
            if check.state is State.OK and check.pending is None:
                known.pop(place, None)
            else:
                known[place] = check
