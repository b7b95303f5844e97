"""What the processor's account lists as lost: each range with its reason."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import Engine, select

from faults.evidence import Kept, named_by
from faults.witness import Key
from store.engine import reading
from store.tables import agent, gap


class Declared(NamedTuple):
    """One range of the account."""

    agent_id: str
    epoch: int
    first_seq: int
    last_seq: int
    step: int
    reason: str


@dataclass
class Listed:
    """The ranges of one reason, and every number in them."""

    ranges: int = 0
    numbers: set[Key] = field(default_factory=set)


def listed_as_lost(engine: Engine) -> Mapping[str, Listed]:
    """By reason. Raises StoreUnavailable."""
    columns = (agent.c.agent_id, gap.c.epoch, gap.c.first_seq, gap.c.last_seq, gap.c.step, gap.c.reason)
    query = select(*columns).join_from(gap, agent).where(gap.c.state == "declared")
    with reading(engine) as connection:
        return by_reason(Declared(*row) for row in connection.execute(query))


def by_reason(rows: Iterable[Declared]) -> Mapping[str, Listed]:
    found: defaultdict[str, Listed] = defaultdict(Listed)
    for row in rows:
        found[row.reason].ranges += 1
        numbers = range(row.first_seq, row.last_seq + 1, row.step)
        found[row.reason].numbers |= {Key(row.agent_id, row.epoch, seq) for seq in numbers}
    return found


def named_by_agents(kept: Kept) -> Mapping[str, set[Key]]:
    """By reason, what the stored loss records name and nobody has."""
    found: defaultdict[str, set[Key]] = defaultdict(set)
    for loss in kept.losses:
        found[loss.reason] |= set(named_by(loss)) & kept.declared_keys
    return {reason: numbers for reason, numbers in found.items() if numbers}
