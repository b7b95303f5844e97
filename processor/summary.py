"""One line a minute that proves life, also when nothing happened."""

from dataclasses import dataclass, field

from store.model import Batch, KeptBatch


@dataclass
class Summary:
    """Counts since the last line."""

    agents: set[str] = field(default_factory=set)
    snapshots: int = 0
    duplicates: int = 0
    quarantined: int = 0

    def count(self, batch: Batch, kept: KeptBatch) -> None:
        self.agents.update(agent.agent_id for agent in batch.agents)
        self.snapshots += len(batch.snapshots)
        self.duplicates += kept.duplicates
        self.quarantined += len(batch.quarantined)

    def line(self, minutes: float) -> str:
        """The line; the counts start anew with the next Summary."""
        return (
            f"{minutes:g} min: {len(self.agents)} hosts, {self.snapshots} snapshots stored, "
            f"{self.duplicates} duplicates absorbed, {self.quarantined} quarantined"
        )
