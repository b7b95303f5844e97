"""What stands before a host, and which trouble there explains the host's own: a trouble that people hear of. Pure.

    host -> parent -> its parent ...: the nearest that has an open incident which the dependency means

Who has no such incident hides nobody. Hosts in a cycle hide nobody of the same cycle, else nobody heard of any of them.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Protocol, TypeVar

from health.state import State
from store.model import CheckKey
from store.response import Dependency

DOWN = (State.CRITICAL, State.STALE)
ABOUT_RECORDS = frozenset({"identity-conflict", "records-unexplained", "clock-skew"})
"""Rules that speak of a host's records and not of the host: these explain no other host's trouble, and none explains
them."""


class Trouble(Protocol):
    """An open incident that people hear of."""

    @property
    def key(self) -> CheckKey: ...

    @property
    def severity(self) -> State: ...


T = TypeVar("T", bound=Trouble)


class Behind:
    """Who stands behind whom. `dependencies` should have no cycles; with some it is safe all the same."""

    def __init__(self, dependencies: Iterable[Dependency] = ()) -> None:
        self._next: dict[str, list[Dependency]] = defaultdict(list)
        for each in dependencies:
            self._next[each.agent_id].append(each)
        self._ways: dict[str, Sequence[Dependency]] = {}

    def __bool__(self) -> bool:
        return bool(self._next)

    @property
    def hosts(self) -> Collection[str]:
        """The agents that stand behind others."""
        return self._next.keys()

    def explanation(self, agent_id: str, troubles_of: Callable[[str], Iterable[T]]) -> T | None:
        """The nearest trouble up the chain that the dependency means, None when nothing explains the agent's own.

        `troubles_of` gives the troubles of an agent.
        """
        for each in self._way_up(agent_id):
            parent = each.parent_agent_id
            if parent == agent_id or any(one.parent_agent_id == agent_id for one in self._way_up(parent)):
                continue
            for trouble in troubles_of(parent):
                if _is_meant(each, trouble):
                    return trouble
        return None

    def _way_up(self, agent_id: str) -> Sequence[Dependency]:
        """All that the agent stands behind, and what that stands behind: each once, the nearest first."""
        known = self._ways.get(agent_id)
        if known is not None:
            return known
        seen, way = {agent_id}, list(self._next.get(agent_id, ()))
        for each in way:  # grows while it is read
            if each.parent_agent_id not in seen:
                seen.add(each.parent_agent_id)
                way.extend(self._next.get(each.parent_agent_id, ()))
        self._ways[agent_id] = way
        return way


def _is_meant(dependency: Dependency, trouble: Trouble) -> bool:
    """A check that is named, when it is bad; else whatever makes the host critical or silent. Unknown is not bad."""
    rule, subject = trouble.key.rule, trouble.key.subject
    if dependency.parent_rule is None:
        return trouble.severity in DOWN and rule not in ABOUT_RECORDS
    is_named = dependency.parent_rule == rule and dependency.parent_subject in (None, subject)
    return is_named and (trouble.severity in DOWN or trouble.severity is State.WARNING)
