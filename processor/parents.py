"""What stands before whom, as people said, and of which trouble there nobody is to hear."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from store.behind import Behind
from store.dependencies import dependencies
from store.incidents import open_incidents
from store.model import CheckKey
from store.mute_windows import covers
from store.mutes import mutes_in_force
from store.response import Mute


@dataclass(frozen=True, slots=True)
class Parents:
    """`mutes` are those in force; `numbers` are the open incidents of hosts that others stand behind."""

    behind: Behind = field(default_factory=Behind)
    mutes: Sequence[Mute] = ()
    numbers: Mapping[CheckKey, int] = field(default_factory=dict)

    def is_muted(self, key: CheckKey, group_name: str) -> bool:
        number = self.numbers.get(key, 0)
        return any(covers(mute, key, group_name, number) for mute in self.mutes)


NO_PARENTS = Parents()


def read_parents(connection: Connection, now_ms: int) -> Parents:
    """As it is at this moment."""
    known = dependencies(connection)
    if not known:
        return NO_PARENTS
    mutes = mutes_in_force(connection, now_ms)
    numbers: dict[CheckKey, int] = {}
    if any(mute.number is not None for mute in mutes):
        found = open_incidents(connection, {each.parent_agent_id for each in known})
        numbers = {one.key: one.number for one in found}
    return Parents(Behind(known), mutes, numbers)
