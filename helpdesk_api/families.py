"""Families: open incidents of one rule on several hosts are one story, told once."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from health.state import URGENCY, State
from store.incidents import OpenIncident
from store.model import HUB

FEWEST_HOSTS = 3


@dataclass(frozen=True, slots=True)
class Family:
    """`incidents` are of `rule` and on FEWEST_HOSTS hosts at least: the most urgent first, of equals the oldest."""

    rule: str
    incidents: Sequence[OpenIncident]

    @property
    def worst(self) -> OpenIncident:
        return self.incidents[0]

    @property
    def severity(self) -> State:
        return self.worst.severity

    @property
    def since_ms(self) -> int:
        return min(incident.opened_ms for incident in self.incidents)

    @property
    def hosts(self) -> Sequence[OpenIncident]:
        """The most urgent incident of each host."""
        return list({incident.agent_id: incident for incident in reversed(self.incidents)}.values())[::-1]

    @property
    def sentence(self) -> str:
        others = len(self.hosts) - 1
        return f"{self.rule} on {others + 1} hosts: {self.worst.sentence}, and {others} more"


def families(incidents: Iterable[OpenIncident]) -> list[Family]:
    """The most urgent first, of equals the one with the most hosts."""
    by_rule: dict[str, list[OpenIncident]] = defaultdict(list)
    for incident in incidents:
        if incident.agent_id != HUB:
            by_rule[incident.rule].append(incident)
    found = [
        Family(rule, sorted(members, key=lambda one: (URGENCY[one.severity], one.number)))
        for rule, members in by_rule.items()
        if len({one.agent_id for one in members}) >= FEWEST_HOSTS
    ]
    return sorted(found, key=lambda family: (URGENCY[family.severity], -len(family.hosts), family.rule))
