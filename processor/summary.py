"""One line a minute that proves life, also when nothing happened."""

from dataclasses import dataclass, field

from store.model import Batch, KeptBatch, Quarantined

MOST_TOLD = 20


@dataclass
class Summary:
    """Counts since the last line, and which quarantines were told of one by one."""

    agents: set[str] = field(default_factory=set)
    snapshots: int = 0
    duplicates: int = 0
    quarantined: int = 0
    told: set[tuple[str, str]] = field(default_factory=set)

    def count(self, batch: Batch, kept: KeptBatch) -> None:
        self.agents.update(agent.agent_id for agent in batch.agents)
        self.snapshots += len(batch.snapshots)
        self.duplicates += kept.duplicates
        self.quarantined += len(batch.quarantined) + len(kept.key_reused)

    def is_news(self, bad: Quarantined) -> bool:
        """Whether this sender's messages were not told of with this reason since the last line."""
        known = (bad.routing_key, bad.reason) in self.told
        self.told.add((bad.routing_key, bad.reason))
        return not known and len(self.told) <= MOST_TOLD

    def line(self, minutes: float) -> str:
        """The line; the counts start anew with the next Summary."""
        return (
            f"{minutes:g} min: {len(self.agents)} hosts, {self.snapshots} snapshots stored, "
            f"{self.duplicates} duplicates absorbed, {self.quarantined} quarantined"
        )
